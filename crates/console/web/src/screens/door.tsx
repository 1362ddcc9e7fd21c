import type { ReactNode } from "react";

/** The page before the sign-in: the mark, one card, nothing else. */
export function Door({ children }: { children: ReactNode }) {
  return (
    <main className="door">
      <div className="panel">
        <div className="brand"><img src="/icon.svg" alt="" />Postroom</div>
        {children}
      </div>
    </main>
  );
}

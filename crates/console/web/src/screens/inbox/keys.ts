import { useEffect, useLayoutEffect, useRef } from "react";

/** Whether a key press is meant for a control rather than for the screen. */
function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable], [role=menu], dialog, [role=dialog], [role=alertdialog]") !== null;
}

/** Runs `keys[event.key]` for plain presses anywhere on the page but in fields, menus and dialogs. */
export function useKeys(keys: Record<string, (() => void) | undefined>) {
  const latest = useRef(keys);
  // Before it is painted: whoever sees a message can press its keys.
  useLayoutEffect(() => {
    latest.current = keys;
  });
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
      // Enter on a link or a button is the control's own.
      if (event.key === "Enter" && event.target instanceof Element && event.target.closest("a, button, summary")) return;
      const run = latest.current[event.key];
      if (!run) return;
      event.preventDefault();
      run();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
}

export const KEYS: [string, string][] = [
  ["j", "Next message"], ["k", "Previous message"], ["Enter", "Open; into the text"], ["Esc", "Back to the list"],
  ["r", "Reply"], ["a", "Reply to all"], ["f", "Forward"], ["c", "Write a new message"],
  ["e", "Archive"], ["#", "To the trash"], ["u", "Mark read or unread"], ["s", "Flag or unflag"],
  ["/", "Search"], ["?", "These keys"],
];

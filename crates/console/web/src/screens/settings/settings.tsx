import { Link, Outlet } from "@tanstack/react-router";

/** The frame of the settings: their tabs, and one of them. */
export function Settings() {
  return (
    <div className="page">
      <div className="inner narrow">
        <div className="page-head">
          <div className="titles"><h1>Settings</h1></div>
          <nav className="segmented" aria-label="Settings">
            <Link to="/settings/tokens">Tokens</Link>
            <Link to="/settings/webhooks">Webhooks</Link>
            <Link to="/settings/profiles">Server profiles</Link>
            <Link to="/settings/signatures">Signatures</Link>
            <Link to="/settings/templates">Templates</Link>
            <Link to="/settings/layout">Layout</Link>
          </nav>
        </div>
        <Outlet />
      </div>
    </div>
  );
}

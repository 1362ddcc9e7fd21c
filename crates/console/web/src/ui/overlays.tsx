// What lies above the page: dialogs, menus, toasts.

import { AlertDialog } from "@base-ui/react/alert-dialog";
import { Dialog as BaseDialog } from "@base-ui/react/dialog";
import { Menu as BaseMenu } from "@base-ui/react/menu";
import { Toast } from "@base-ui/react/toast";
import { type LucideIcon, X } from "lucide-react";
import type { ReactElement, ReactNode } from "react";
import { Problem } from "../api/client";
import { Button } from "./basics";

export function Dialog(props: {
  open: boolean; onClose: () => void; title: ReactNode; wide?: boolean; children: ReactNode;
}) {
  return (
    <BaseDialog.Root open={props.open} onOpenChange={(open) => !open && props.onClose()}>
      <BaseDialog.Portal>
        <BaseDialog.Backdrop className="backdrop" />
        <BaseDialog.Popup className={`dialog ${props.wide ? "wide" : ""}`}>
          <div className="row between">
            <BaseDialog.Title>{props.title}</BaseDialog.Title>
            <BaseDialog.Close render={<Button look="ghost" icon={X} aria-label="Close" />} />
          </div>
          {props.children}
        </BaseDialog.Popup>
      </BaseDialog.Portal>
    </BaseDialog.Root>
  );
}

/** Asks before something that cannot be taken back. */
export function Confirm(props: {
  open: boolean; onClose: () => void; title: string; children: ReactNode; action: string; danger?: boolean; busy?: boolean; onConfirm: () => void;
}) {
  return (
    <AlertDialog.Root open={props.open} onOpenChange={(open) => !open && props.onClose()}>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className="backdrop" />
        <AlertDialog.Popup className="dialog">
          <AlertDialog.Title>{props.title}</AlertDialog.Title>
          <AlertDialog.Description render={<div className="quiet" />}>{props.children}</AlertDialog.Description>
          <div className="row end">
            <AlertDialog.Close render={<Button />}>Cancel</AlertDialog.Close>
            <Button look={props.danger === false ? "primary" : "danger"} busy={props.busy} onClick={props.onConfirm}>{props.action}</Button>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}

export interface MenuEntry {
  label: string;
  icon?: LucideIcon;
  danger?: boolean;
  disabled?: boolean;
  onSelect: () => void;
}

export function Menu({ trigger, items, align = "end" }: {
  trigger: ReactElement; items: (MenuEntry | "line" | null | undefined | false)[]; align?: "start" | "end";
}) {
  return (
    <BaseMenu.Root modal={false}>
      <BaseMenu.Trigger render={trigger} />
      <BaseMenu.Portal>
        <BaseMenu.Positioner className="positioner" align={align} sideOffset={4}>
          <BaseMenu.Popup className="menu">
            {items.map((item, n) =>
              !item ? null
              : item === "line" ? <BaseMenu.Separator key={n} className="menu-sep" />
              : (
                <BaseMenu.Item
                  key={item.label} className={`menu-item ${item.danger ? "danger" : ""}`} disabled={item.disabled} onClick={item.onSelect}
                >
                  {item.icon && <item.icon className="i" aria-hidden />}
                  {item.label}
                </BaseMenu.Item>
              ))}
          </BaseMenu.Popup>
        </BaseMenu.Positioner>
      </BaseMenu.Portal>
    </BaseMenu.Root>
  );
}

const manager = Toast.createToastManager();

/** Says that something was done; with a way back where there is one. */
export function toast(title: string, options: { description?: string; action?: { label: string; run: () => void }; bad?: boolean; ms?: number } = {}) {
  const id = manager.add({
    title,
    description: options.description,
    type: options.bad ? "bad" : "good",
    timeout: options.ms ?? (options.bad ? 12_000 : 6_000),
    // A high priority hides the toast itself from screen readers, with its button still in the tab order.
    priority: "low",
    actionProps: options.action && {
      children: options.action.label,
      onClick: () => {
        manager.close(id);
        options.action?.run();
      },
    },
  });
}

/** Says that something was refused, in the API's words. */
export function toastProblem(error: unknown) {
  const problem = error instanceof Problem ? error : null;
  toast(problem?.title ?? "Something in the console broke", {
    description: [problem?.detail ?? (problem ? "" : String(error)), problem?.remedy?.text].filter(Boolean).join(" "),
    bad: true,
  });
}

export function Toasts({ children }: { children: ReactNode }) {
  return (
    <Toast.Provider toastManager={manager} limit={3}>
      {children}
      <Toast.Portal>
        <Toast.Viewport className="toasts">
          <ToastList />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function ToastList() {
  const { toasts } = Toast.useToastManager();
  return toasts.map((each) => (
    <Toast.Root key={each.id} toast={each} className="toast">
      <div className="text">
        <Toast.Title render={<div />} />
        <Toast.Description render={<div className="desc" />} />
      </div>
      {each.actionProps && <Toast.Action className="btn small" />}
      <Toast.Close className="btn small icon" aria-label="Dismiss"><X className="i" aria-hidden /></Toast.Close>
    </Toast.Root>
  ));
}

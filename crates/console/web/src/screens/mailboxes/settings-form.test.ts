import { describe, expect, it } from "vitest";
import { applyAction, emptyForm, inputOf, portWarning, withProtocol, withSecurity } from "./settings-form";

describe("the settings form", () => {
  it("lets the port follow the security and the protocol", () => {
    const form = withSecurity(emptyForm(), "incoming", "starttls");
    expect(form.incoming.port).toBe("143");
    expect(withProtocol(form, "pop3").incoming.port).toBe("110");
    expect(withSecurity(form, "outgoing", "starttls").outgoing.port).toBe("587");
  });

  it("warns about a port of another service or security, and about nothing else", () => {
    const form = emptyForm();
    expect(portWarning(form, "incoming")).toBeUndefined();
    expect(portWarning({ ...form, incoming: { ...form.incoming, port: "143" } }, "incoming")).toContain("993");
    expect(portWarning({ ...form, incoming: { ...form.incoming, port: "995" } }, "incoming")).toContain("POP3");
    expect(portWarning({ ...form, incoming: { ...form.incoming, port: "10143" } }, "incoming")).toBeUndefined();
    expect(portWarning({ ...form, incoming: { ...form.incoming, port: "x" } }, "incoming")).toContain("number");
  });

  it("sends null for a side that is switched off and the address as the user name", () => {
    const input = inputOf({ ...emptyForm(), address: " ann@example.com ", sends: false });
    expect(input.outgoing).toBeNull();
    expect(input.incoming?.username).toBe("ann@example.com");
    expect(input).not.toHaveProperty("password");
    expect(input).not.toHaveProperty("monitored_folders");
  });

  it("deletes by POP3 only when a number of days was typed", () => {
    const form = withProtocol(emptyForm(), "pop3");
    expect(inputOf(form).pop3_delete_after_days).toBeNull();
    expect(inputOf(form).read_only).toBe(false);
    expect(inputOf({ ...form, readOnly: true }).read_only).toBe(true);
    expect(inputOf({ ...form, deleteAfter: "0" }).pop3_delete_after_days).toBe(0);
    expect(inputOf({ ...form, deleteAfter: "14" }).pop3_delete_after_days).toBe(14);
    expect(inputOf({ ...withProtocol(form, "imap"), deleteAfter: "14" })).not.toHaveProperty("pop3_delete_after_days");
  });

  it("names an owner and limits of its own where they were typed", () => {
    expect(inputOf(emptyForm()).owner).toBeNull();
    const form = { ...emptyForm(), owner: { kind: "queue" as const, name: " Support " }, limits: { ...emptyForm().limits, poll_minutes: "15" } };
    expect(inputOf(form).owner).toEqual({ kind: "queue", name: "Support" });
    expect(inputOf(form).limits).toMatchObject({ poll_minutes: 15, max_connections: null });
  });

  it("carries out a remedy on the side that failed", () => {
    const applied = applyAction(emptyForm(), "use:587:starttls", "outgoing");
    expect(applied?.form.outgoing).toMatchObject({ port: "587", security: "starttls" });
    expect(applied?.form.incoming.port).toBe("993");
    expect(applyAction(emptyForm(), "enter_password", "incoming")?.focus).toBe("password");
    expect(applyAction(emptyForm(), "trust_certificate:ab12", "incoming")?.form.incoming.certificate).toBe("ab12");
    expect(applyAction(emptyForm(), "something_new", "incoming")).toBeNull();
  });

  it("corrects what was refused: swapped servers, and a port with the security that is usual there", () => {
    const form = emptyForm();
    const typed = { ...form, incoming: { ...form.incoming, host: "smtp.example.com", port: "143", security: "starttls" as const }, outgoing: { ...form.outgoing, host: "imap.example.com" } };
    const swapped = applyAction(typed, "swap_hosts", "incoming")?.form;
    expect([swapped?.incoming.host, swapped?.outgoing.host]).toEqual(["imap.example.com", "smtp.example.com"]);
    expect(applyAction(typed, "use:993", "incoming")?.form.incoming).toMatchObject({ port: "993", security: "tls" });
  });
});

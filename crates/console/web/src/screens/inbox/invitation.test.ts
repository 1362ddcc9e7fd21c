import { describe, expect, it } from "vitest";
import { invitationOf } from "./invitation";

const calendar = (...event: string[]) => ["BEGIN:VCALENDAR", "METHOD:REQUEST", "BEGIN:VTIMEZONE", "TZID:Europe/Rome", "END:VTIMEZONE", "BEGIN:VEVENT", ...event, "END:VEVENT", "END:VCALENDAR"].join("\r\n");

describe("an invitation", () => {
  it("says what, when, where and from whom", () => {
    const text = calendar(
      "UID:1", "SUMMARY:Yard\\, inspection of\r\n  crane 4", 'ORGANIZER;CN="Okafor, Mira":MAILTO:mira@example.com', "DTSTART;TZID=Europe/Rome:20260801T090000", "DTEND:20260801T083000Z",
      "LOCATION:Hall 3\\nGate B", "RRULE:FREQ=WEEKLY", "BEGIN:VALARM", "SUMMARY:Alarm", "END:VALARM",
    );
    expect(invitationOf(text)).toEqual({
      summary: "Yard, inspection of crane 4", organizer: "Okafor, Mira <mira@example.com>", location: "Hall 3\nGate B", repeats: true,
      start: { at: "2026-08-01T07:00:00.000Z", written: "2026-08-01 09:00 (Europe/Rome)" }, end: { at: "2026-08-01T08:30:00.000Z", written: "2026-08-01 08:30 (UTC)" },
    });
  });

  it("shows days, and times of unknown zones, as they were written", () => {
    const of = (start: string) => invitationOf(calendar("ORGANIZER:mailto:a@x.test", start))?.start;
    expect(of("DTSTART;VALUE=DATE:20260801")).toEqual({ at: null, written: "2026-08-01" });
    expect(of("DTSTART;TZID=Yard Time:20260801T090000")).toEqual({ at: null, written: "2026-08-01 09:00 (Yard Time)" });
    expect(of("DTSTART:20260801T090000")).toEqual({ at: null, written: "2026-08-01 09:00" });
    expect(of("DTSTART:soon")).toBeNull();
  });

  it("is none where nobody is asked", () => {
    expect(invitationOf(calendar("ORGANIZER:mailto:a@x.test").replace("REQUEST", "CANCEL"))).toBeNull();
    expect(invitationOf(calendar("SUMMARY:x"))).toBeNull();
    expect(invitationOf("no calendar")).toBeNull();
  });
});

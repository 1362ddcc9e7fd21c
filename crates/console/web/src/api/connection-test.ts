// The connection report, filling in line by line.

import { useCallback, useEffect, useRef, useState } from "react";
import { Problem, problemOf, send } from "./client";
import { events } from "./sse";
import type { MailboxInput, Report, Step } from "./types";

export interface TestRun {
  state: "idle" | "running" | "done" | "failed";
  startedAt: number;
  steps: Step[];
  report: Report | null;
  problem: Problem | null;
}

const IDLE: TestRun = { state: "idle", startedAt: 0, steps: [], report: null, problem: null };

/** Replaces the step with the same number, or adds it in its place. */
export function withStep(steps: Step[], step: Step): Step[] {
  return [...steps.filter((s) => s.n !== step.n), step].sort((a, b) => a.n - b.n);
}

export type TestInput = MailboxInput | { mailbox_id: string; test_recipient?: string };

/** Runs connection tests; a new run ends the one before it. */
export function useConnectionTest() {
  const [run, setRun] = useState<TestRun>(IDLE);
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);

  const start = useCallback(async (input: TestInput | null, at = "/v1/connection-tests"): Promise<Report | null> => {
    abort.current?.abort();
    const controller = new AbortController();
    abort.current = controller;
    let steps: Step[] = [];
    const begun: TestRun = { ...IDLE, state: "running", startedAt: Date.now() };
    setRun(begun);
    try {
      const response = await send("POST", at, {
        body: input ?? undefined,
        accept: "text/event-stream",
        signal: controller.signal,
      });
      for await (const event of events(response)) {
        if (event.event === "step") {
          steps = withStep(steps, JSON.parse(event.data) as Step);
          setRun({ ...begun, steps });
        } else if (event.event === "report") {
          const report = JSON.parse(event.data) as Report;
          setRun({ ...begun, state: "done", steps: report.steps, report });
          return report;
        } else if (event.event === "problem") {
          throw await problemOf(new Response(event.data, { status: 500 }));
        }
      }
      throw new Problem({
        title: "The test broke off",
        status: 0,
        detail: "The line to Postroom was cut before the report was complete. Nothing was changed.",
      });
    } catch (error) {
      if (controller.signal.aborted) return null;
      const problem = error instanceof Problem ? error : new Problem({ title: String(error), status: 0 });
      setRun({ ...begun, state: "failed", steps, problem });
      return null;
    }
  }, []);

  const reset = useCallback(() => {
    abort.current?.abort();
    setRun(IDLE);
  }, []);

  return { run, start, reset };
}

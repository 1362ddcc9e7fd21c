// How the console speaks to the API: the session cookie, the CSRF header, and problem+json as a
// thrown `Problem`.

import type { FieldError, ProblemBody, Remedy } from "./types";

/** An error answer of the API (RFC 9457), or the lack of any answer (`status` 0). */
export class Problem extends Error {
  readonly status: number;
  readonly title: string;
  readonly detail: string | null;
  readonly code: string | null;
  readonly remedy: Remedy | null;
  readonly errors: FieldError[];
  readonly traceId: string | null;

  constructor(body: ProblemBody) {
    super(body.detail ?? body.title);
    this.name = "Problem";
    this.status = body.status;
    this.title = body.title;
    this.detail = body.detail ?? null;
    this.code = body.code ?? null;
    this.errors = body.errors ?? [];
    this.traceId = body.trace_id ?? null;
    this.remedy =
      typeof body.remedy === "string" ? { text: body.remedy, action: null, url: null } : (body.remedy ?? null);
  }

  /** The message for the field at a JSON pointer, if the answer has one. */
  at(pointer: string): string | undefined {
    return this.errors.find((e) => e.pointer === pointer || e.pointer === `#${pointer}`)?.detail;
  }
}

/** Turns a failed response into a `Problem`, whatever its body is. */
export async function problemOf(response: Response): Promise<Problem> {
  const fallback: ProblemBody = {
    title: `The server answered ${response.status}`,
    status: response.status,
    detail: response.statusText || undefined,
  };
  try {
    const body = (await response.json()) as Partial<ProblemBody>;
    return new Problem({ ...fallback, ...body, status: response.status });
  } catch {
    return new Problem(fallback);
  }
}

type Query = Record<string, string | number | boolean | null | undefined>;

/** A path under /v1 with its query; what is undefined, null, false or empty is left out. */
export function path(base: string, query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "" && value !== false) params.set(key, String(value));
  }
  const text = params.toString();
  return text ? `${base}?${text}` : base;
}

interface Options {
  body?: unknown;
  idempotencyKey?: string;
  signal?: AbortSignal;
  accept?: string;
}

/** Sends a request and returns the successful response. */
export async function send(method: string, url: string, options: Options = {}): Promise<Response> {
  const headers: Record<string, string> = { Accept: options.accept ?? "application/json" };
  if (method !== "GET") headers["X-Postroom-CSRF"] = "1";
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  if (options.idempotencyKey) headers["Idempotency-Key"] = options.idempotencyKey;
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers,
      credentials: "same-origin",
      // A small change that was asked for goes out even when the page is left in the same moment.
      keepalive: method === "PATCH" || method === "DELETE",
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
      signal: options.signal,
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem({
      title: "Postroom does not answer",
      status: 0,
      detail: "The browser could not reach the server. It may be restarting, or the network is down.",
    });
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function json<T>(method: string, url: string, options?: Options): Promise<T> {
  const response = await send(method, url, options);
  if (response.status === 204) return undefined as T;
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

/** An idempotency key. Where the page came without TLS, browsers have no `randomUUID`. */
export const freshKey = () => crypto.randomUUID?.() ?? Math.random().toString(36).slice(2) + Date.now().toString(36);

export const api = {
  get: <T>(url: string, signal?: AbortSignal) => json<T>("GET", url, { signal }),
  post: <T>(url: string, body?: unknown, idempotencyKey?: string) => json<T>("POST", url, { body: body ?? {}, idempotencyKey }),
  patch: <T>(url: string, body: unknown) => json<T>("PATCH", url, { body }),
  delete: <T>(url: string) => json<T>("DELETE", url),
};

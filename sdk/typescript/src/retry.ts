import type { PlotwiseError } from "./errors.js";
import type { System } from "./platform.js";

/** An attempt that came to nothing. */
export interface Failed {
  error: PlotwiseError;
  /** The answer; absent when there was none, or none that could be read. */
  response?: Response;
  /** Whether the request cannot have reached the server. */
  unreachable?: boolean;
}

const firstWait = 500;
const longestWait = 8_000;
const longestRetryAfter = 60_000;

/** Returns how long to wait before the next attempt, in milliseconds; undefined when there may be none. */
export function waitBeforeRetry(method: string, failed: Failed, attempt: number, deadline: number, system: System): number | undefined {
  if (!mayRepeat(method, failed)) {
    return undefined;
  }
  const now = system.now();
  const asked = retryAfter(failed.response?.headers.get("retry-after"), now);
  const wait = asked ?? Math.min(firstWait * 2 ** (attempt - 1), longestWait) * (0.5 + system.random() / 2);
  return (asked ?? 0) <= longestRetryAfter && now + wait < deadline ? wait : undefined;
}

// A PATCH has no idempotency key: it is sent again only when the one before did nothing.
function mayRepeat(method: string, { response, unreachable }: Failed): boolean {
  if (unreachable || response?.status === 429) {
    return true;
  }
  return method !== "PATCH" && (!response || response.status === 408 || response.status >= 500);
}

/** Returns what a Retry-After header asks for, in milliseconds; undefined when it says nothing. */
export function retryAfter(value: string | null | undefined, now: number): number | undefined {
  if (value && /^\d+(\.\d+)?$/.test(value)) {
    return Number(value) * 1000;
  }
  const at = value && /GMT$/.test(value) ? Date.parse(value) : NaN; // Date.parse alone takes nearly any text for a date
  return Number.isNaN(at) ? undefined : Math.max(at - now, 0);
}

// What runtimes call a connection that was never made: Node, Bun; Deno tells it in words.
const codes = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT", "ConnectionRefused", "FailedToOpenSocket"];
const words = /client error \(Connect\)/;

interface Cause {
  message?: string;
  code?: string;
  syscall?: string;
  cause?: Cause;
  errors?: Cause[];
}

/** Tells whether fetch failed before there was a connection, and why in words. */
export function explain(failure: unknown): { unreachable: boolean; reason: string } {
  let cause = failure as Cause;
  for (let next: Cause | undefined = cause; next; next = cause?.cause ?? cause?.errors?.[0]) {
    cause = next;
  }
  const { message = "", code = "", syscall = "" } = Object(cause) as Cause;
  const unreachable = codes.includes(code) || ["connect", "getaddrinfo"].includes(syscall) || words.test(message);
  return { unreachable, reason: message || code || String(failure) };
}

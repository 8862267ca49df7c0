import { APIConnectionError, APITimeoutError, PlotwiseError, errorOf } from "./errors.js";
import type { PageMeta } from "./generated/schema.js";
import { server } from "./generated/version.js";
import type { CallSettings, ChangeOptions, ClientOptions, LogEntry, PostOptions } from "./options.js";
import { APIPromise, Page, PagePromise, type WithResponse } from "./page.js";
import { environment, userAgent, type System } from "./platform.js";
import { explain, waitBeforeRetry, type Failed } from "./retry.js";

/** What a method asks for. */
export interface Call {
  method: "GET" | "POST" | "PATCH" | "DELETE";
  /** With the names of its parameters in braces. */
  path: string;
  ids?: Record<string, string>;
  query?: object | undefined;
  /** The names of the parameters whose values are joined by commas. */
  joined?: readonly string[];
  body?: unknown;
  /** How long the server may wait before it answers. */
  waitsMs?: number;
  options?: (PostOptions & ChangeOptions) | undefined;
}

/** Makes a result of an answer; what it throws makes the answer unreadable. */
type Read<T> = (response: Response, end: () => void) => T | Promise<T>;

interface Request {
  name: string; // method and path
  method: string;
  path: string;
  url: string;
  headers: Headers;
  body: string | undefined;
  signal: AbortSignal | undefined;
}

interface Limits {
  timeoutMs: number;
  totalTimeoutMs: number;
  maxRetries: number;
}

type Outcome<T> = { response?: Response } & ({ data: T; failed?: undefined } | { failed: Failed; data?: undefined });

const usual: Limits = { timeoutMs: 30_000, totalTimeoutMs: 120_000, maxRetries: 2 };

const longestTimer = 2 ** 31 - 1; // a longer one would end at once

/** Sends calls, again where that may help. */
export class Transport {
  readonly #key: string;
  readonly #base: string;
  readonly #settings: CallSettings;
  readonly #fetch: typeof fetch;
  readonly #log: ((entry: LogEntry) => void) | undefined;
  readonly #userAgent: string;
  readonly #system: System;

  constructor(options: ClientOptions, system: System) {
    this.#key = checkKey(options.apiKey ?? environment("PLOTWISE_API_KEY"));
    this.#base = checkBase(options.baseURL ?? environment("PLOTWISE_BASE_URL") ?? server);
    const { timeoutMs, totalTimeoutMs, maxRetries, headers } = options;
    this.#settings = { timeoutMs, totalTimeoutMs, maxRetries, headers };
    limits(this.#settings);
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
    this.#log = options.log;
    this.#userAgent = userAgent(options.userAgentSuffix ?? "");
    this.#system = system;
  }

  /** Returns data of the answer. */
  object<T>(call: Call): APIPromise<T> {
    return new APIPromise(this.#send(call, async (response) => (await envelope<{ data: T }>(response)).data));
  }

  /** Returns the answer whole: data, which is an array, and meta where there is one. */
  list<T extends { data: unknown }>(call: Call): APIPromise<T> {
    return new APIPromise(this.#send(call, envelope<T>));
  }

  /** Returns a page, which leads to the next. */
  pages<T>(call: Call): PagePromise<T> {
    const next = (cursor: string) => this.pages<T>({ ...call, query: { ...call.query, page: undefined, cursor } });
    return new PagePromise(
      this.#send(call, async (response) => new Page(await envelope<{ data: T[]; meta: PageMeta }>(response), next)),
    );
  }

  /** Returns nothing. */
  nothing(call: Call): APIPromise<void> {
    return new APIPromise(this.#send(call, empty));
  }

  /** Returns a file, which is read while it comes; the limits of time end where it begins. */
  stream(call: Call): APIPromise<Response> {
    const failed = (cause: unknown) => {
      const signal = call.options?.signal;
      return signal?.aborted ? signal.reason : new APIConnectionError(`GET ${call.path}: ${this.#hide(explain(cause).reason)}`);
    };
    return new APIPromise(this.#send(call, (response, end) => watch(response, end, failed), true));
  }

  /** Waits at least a time from an instant on. */
  async pause(since: number, ms: number, signal: AbortSignal | undefined): Promise<void> {
    await this.#system.sleep(Math.max(since + ms - this.now(), 0), signal);
  }

  now(): number {
    return this.#system.now();
  }

  async #send<T>(call: Call, read: Read<T>, streams = false): Promise<WithResponse<T>> {
    const request = this.#request(call);
    const { timeoutMs, totalTimeoutMs, maxRetries } = limits(this.#settings, call.options);
    const waits = call.waitsMs ?? 0;
    const deadline = this.now() + totalTimeoutMs + waits;
    for (let attempt = 1; ; attempt++) {
      const started = this.now();
      const outcome = await this.#attempt(request, Math.min(timeoutMs + waits, deadline - started), read, streams);
      const { response, data, failed } = outcome;
      const repeat = failed && attempt <= maxRetries && !request.signal?.aborted;
      const wait = repeat ? waitBeforeRetry(request.method, failed, attempt, deadline, this.#system) : undefined;
      this.#tell(request, attempt, started, outcome, wait);
      if (!failed) {
        return { data, response: streams ? (data as Response) : response!, request_id: requestID(response) };
      }
      request.signal?.throwIfAborted();
      if (wait === undefined) {
        throw failed.error;
      }
      await this.#system.sleep(wait, request.signal);
    }
  }

  async #attempt<T>(request: Request, limitMs: number, read: Read<T>, streams: boolean): Promise<Outcome<T>> {
    const { method, url, headers, body, signal } = request;
    const controller = new AbortController();
    const cancel = () => controller.abort();
    const timer = setTimeout(cancel, Math.min(limitMs, longestTimer));
    const end = () => signal?.removeEventListener("abort", cancel);
    signal?.addEventListener("abort", cancel);
    let response: Response | undefined;
    let keep = false;
    try {
      signal?.throwIfAborted();
      response = await (0, this.#fetch)(url, { method, headers, body: body ?? null, redirect: "manual", signal: controller.signal });
      if (!response.ok) {
        const text = await response.text().catch(() => ""); // its status says enough
        return { response, failed: { error: errorOf(response, text, (s) => this.#hide(s)), response } };
      }
      const data = await read(response, end);
      keep = streams;
      return { response, data };
    } catch (cause) {
      return { ...(response && { response }), failed: this.#failed(request, cause, controller.signal.aborted, limitMs) };
    } finally {
      clearTimeout(timer);
      if (!keep) {
        end();
      }
    }
  }

  #failed({ name, signal }: Request, cause: unknown, aborted: boolean, limitMs: number): Failed {
    if (signal?.aborted) {
      return { error: new APIConnectionError(`${name}: cancelled`) };
    }
    if (aborted) {
      return { error: new APITimeoutError(`${name}: no answer within ${limitMs} ms`) };
    }
    const { unreachable, reason } = explain(cause);
    return { error: new APIConnectionError(`${name}: ${this.#hide(reason)}`), unreachable };
  }

  #request({ method, path, ids = {}, query = {}, joined = [], body, options = {} }: Call): Request {
    const filled = path.replace(/{(\w+)}/g, (_, name: string) => segment(name, ids[name]));
    const search = queryString(query, joined);
    const headers = new Headers({ Authorization: `Bearer ${this.#key}` });
    const more = {
      "User-Agent": this.#userAgent,
      "Content-Type": body === undefined ? "" : "application/json",
      "Idempotency-Key": method === "POST" ? crypto.randomUUID() : "",
    };
    const chosen = { "Idempotency-Key": options.idempotencyKey, "If-Match": options.ifMatch };
    for (const [name, value] of [more, this.#settings.headers ?? {}, options.headers ?? {}, chosen].flatMap(Object.entries)) {
      if (value) {
        setHeader(headers, name, value);
      }
    }
    return {
      name: `${method} ${filled}`,
      method,
      path: filled,
      url: this.#base + filled + search,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: options.signal,
    };
  }

  #tell<T>({ method, path }: Request, attempt: number, started: number, { response, failed }: Outcome<T>, wait: number | undefined) {
    const entry: LogEntry = { method, path, attempt, duration_ms: this.now() - started };
    if (response) {
      entry.status = response.status;
      entry.request_id = requestID(response);
    }
    if (failed && !failed.response) {
      entry.failure = failed.error.message;
    }
    if (wait !== undefined) {
      entry.wait_ms = wait;
    }
    try {
      this.#log?.(entry);
    } catch {
      // a log is no reason for a call to fail
    }
  }

  // A server or a proxy may say the key back.
  #hide(text: string): string {
    return text.replaceAll(this.#key, "[hidden]");
  }
}

function checkKey(key: string | undefined): string {
  if (!key) {
    throw new PlotwiseError("there is no API key: set PLOTWISE_API_KEY, or give apiKey");
  }
  if (!/^[!-~]+$/.test(key)) {
    throw new PlotwiseError("the API key holds white space or characters that no header can carry: was it copied whole, and alone?");
  }
  return key;
}

function checkBase(text: string): string {
  let url: URL | undefined;
  try {
    url = new URL(text);
  } catch {
    // what is no URL is refused below
  }
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw new PlotwiseError("the base URL has to be http:// or https://, a host and at most a path");
  }
  return url.href.replace(/\/+$/, "");
}

// limits returns the limits of a call: its own, the client's, or the usual.
function limits(client: CallSettings, call: CallSettings = {}): Limits {
  const chosen = { ...usual };
  for (const name of Object.keys(usual) as (keyof Limits)[]) {
    chosen[name] = call[name] ?? client[name] ?? usual[name];
    if (typeof chosen[name] !== "number" || !(chosen[name] >= 0)) {
      throw new PlotwiseError(`${name} has to be a number, not below 0`);
    }
  }
  return chosen;
}

// segment refuses the ids that would lead to another path.
function segment(name: string, id: string | undefined): string {
  if (typeof id !== "string" || id === "" || id === "." || id === "..") {
    throw new PlotwiseError(`${name} has to be an id, not ${JSON.stringify(id)}`);
  }
  return encodeURIComponent(id);
}

function queryString(query: object, joined: readonly string[]): string {
  const pairs: string[] = [];
  for (const [name, value] of Object.entries(query)) {
    const values = [value].flat().filter((v) => v !== undefined && v !== null).map(encodeURIComponent);
    const texts = joined.includes(name) && values.length > 0 ? [values.join(",")] : values;
    pairs.push(...texts.map((text) => `${encodeURIComponent(name)}=${text}`));
  }
  return pairs.length > 0 ? `?${pairs.join("&")}` : "";
}

function setHeader(headers: Headers, name: string, value: string) {
  try {
    headers.set(name, value);
  } catch {
    throw new PlotwiseError(`no header can carry the name or the value of ${name}`); // the platform's error says the value
  }
}

async function envelope<T extends { data: unknown }>(response: Response): Promise<T> {
  const text = await response.text();
  let answer: T | undefined;
  try {
    answer = JSON.parse(text);
  } catch {
    // what is no JSON is refused below
  }
  if (answer?.data === undefined) {
    throw notOurs(response);
  }
  return answer;
}

async function empty(response: Response): Promise<void> {
  if (await response.text()) {
    throw notOurs(response);
  }
}

const notOurs = ({ status }: Response) => new Error(`the answer (${status}) is not the API's`);

function requestID(response: Response | undefined): string {
  return response?.headers.get("x-request-id") ?? "";
}

// watch returns the answer with a body that tells its end, and fails as calls do.
function watch(response: Response, end: () => void, failed: (cause: unknown) => unknown): Response {
  const reader = response.body!.getReader();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) {
          return controller.enqueue(value);
        }
        controller.close();
      } catch (cause) {
        controller.error(failed(cause));
      }
      end();
    },
    async cancel(reason) {
      end();
      await reader.cancel(reason);
    },
  });
  const { status, statusText, headers } = response;
  return new Response(body, { status, statusText, headers });
}

/** What each attempt tells the log. It never holds the key or a body. */
export interface LogEntry {
  method: string;
  /** The path, without its query. */
  path: string;
  /** Counted from 1. */
  attempt: number;
  /** The status of the answer; absent when there was none. */
  status?: number;
  /** Why there was no answer, or none that can be read; absent otherwise. */
  failure?: string;
  /** How long the attempt took. */
  duration_ms: number;
  /** The request's id; absent when the answer had none. */
  request_id?: string;
  /** How long the next attempt waits; absent when there is none. */
  wait_ms?: number;
}

/** What a client and a single call may choose. */
export interface CallSettings {
  /** How long one attempt may take; 30,000 when left out. A call that waits on the server gets that time on top. */
  timeoutMs?: number | undefined;
  /** How long all attempts may take together, with the waits between; 120,000 when left out. */
  totalTimeoutMs?: number | undefined;
  /** How often a call is tried again; 2 when left out. */
  maxRetries?: number | undefined;
  /** More headers. */
  headers?: Readonly<Record<string, string>> | undefined;
}

/** The options of a single call; what is left out is as the client has it. */
export interface RequestOptions extends CallSettings {
  /** Ends the call, whatever it is doing; it then fails with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** The options of a call that makes or does something. */
export interface PostOptions extends RequestOptions {
  /** A name of your own for this call, under which it is carried out once; a random UUID when left out. */
  idempotencyKey?: string | undefined;
}

/** The options of a call that changes something. */
export interface ChangeOptions extends RequestOptions {
  /** The ETag of the answer that the change is based on: when it was changed since, the call fails with PreconditionFailedError. */
  ifMatch?: string | undefined;
}

/** The options of a client. */
export interface ClientOptions extends CallSettings {
  /** The API key; PLOTWISE_API_KEY of the environment when left out. */
  apiKey?: string | undefined;
  /** Where the API is; PLOTWISE_BASE_URL of the environment when left out, and without that the API's own address. */
  baseURL?: string | undefined;
  /** What sends requests; the fetch of the platform when left out. */
  fetch?: typeof fetch | undefined;
  /** Is told of each attempt. What it throws is ignored. */
  log?: ((entry: LogEntry) => void) | undefined;
  /** Goes behind the library's own user agent. Browsers do not send one. */
  userAgentSuffix?: string | undefined;
}

import type { ErrorCode, ErrorDetail } from "./generated/schema.js";

/** What all failures of this library are. */
export class PlotwiseError extends Error {
  override name = "PlotwiseError";
}

/** There was no answer, or one that ended early or is not the API's. */
export class APIConnectionError extends PlotwiseError {
  override name = "APIConnectionError";
}

/** There was no answer in time. */
export class APITimeoutError extends APIConnectionError {
  override name = "APITimeoutError";
}

/** The reasons for which a message is not taken for a webhook. */
export type WebhookVerificationReason =
  | "missing_header"
  | "invalid_timestamp"
  | "timestamp_too_old"
  | "timestamp_too_new"
  | "invalid_secret"
  | "no_matching_signature"
  | "invalid_payload";

/** A message is not a webhook of Plotwise, or not one of now. */
export class WebhookVerificationError extends PlotwiseError {
  override name = "WebhookVerificationError";

  constructor(
    readonly reason: WebhookVerificationReason,
    message: string,
  ) {
    super(message);
  }
}

/** What an answer that is no success says. */
export interface Failure {
  status: number;
  code: ErrorCode | (string & {});
  message: string;
  request_id: string;
  doc_url: string;
  details: ErrorDetail[];
  headers: Headers;
  body: string;
}

/** The API answered, and not with success. */
export class APIError extends PlotwiseError implements Failure {
  override name = "APIError";
  /** The HTTP status. */
  readonly status: number;
  /** What went wrong, as a stable name to branch on; "" when the answer is not the API's. */
  readonly code: ErrorCode | (string & {});
  /** The request's id, to quote to support; "" when the answer has none. */
  readonly request_id: string;
  /** Where the documentation explains the code; "" when the answer is not the API's. */
  readonly doc_url: string;
  /** One entry for each thing that has to change; empty when the message says it all. */
  readonly details: ErrorDetail[];
  /** The headers of the answer. */
  readonly headers: Headers;
  /** The body of the answer, as it came. */
  readonly body: string;

  constructor(failure: Failure) {
    super(failure.message);
    this.status = failure.status;
    this.code = failure.code;
    this.request_id = failure.request_id;
    this.doc_url = failure.doc_url;
    this.details = failure.details;
    this.headers = failure.headers;
    this.body = failure.body;
  }
}

/** 400: a parameter or the body cannot be read. */
export class BadRequestError extends APIError {
  override name = "BadRequestError";
}

/** 401: there is no API key, or it is not good. */
export class AuthenticationError extends APIError {
  override name = "AuthenticationError";
}

/** 403: the API key may not do this. */
export class PermissionDeniedError extends APIError {
  override name = "PermissionDeniedError";
}

/** 404: it does not exist, or is not your organization's to see. */
export class NotFoundError extends APIError {
  override name = "NotFoundError";
}

/** 405: the path does not have this method. */
export class MethodNotAllowedError extends APIError {
  override name = "MethodNotAllowedError";
}

/** 409: the state of things does not allow it. */
export class ConflictError extends APIError {
  override name = "ConflictError";
}

/** 410: it is no longer kept. */
export class GoneError extends APIError {
  override name = "GoneError";
}

/** 412: it was changed since the version in `ifMatch`. */
export class PreconditionFailedError extends APIError {
  override name = "PreconditionFailedError";
}

/** 413: the body is too large. */
export class ContentTooLargeError extends APIError {
  override name = "ContentTooLargeError";
}

/** 415: the body is not in a format that the API takes. */
export class UnsupportedMediaTypeError extends APIError {
  override name = "UnsupportedMediaTypeError";
}

/** 422: the body breaks its schema or a rule. */
export class UnprocessableEntityError extends APIError {
  override name = "UnprocessableEntityError";
}

/** 429: there were more requests than the limit allows. */
export class RateLimitError extends APIError {
  override name = "RateLimitError";
}

/** 5xx: the fault is the server's. */
export class InternalServerError extends APIError {
  override name = "InternalServerError";
}

const classes: Record<number, typeof APIError> = {
  400: BadRequestError,
  401: AuthenticationError,
  403: PermissionDeniedError,
  404: NotFoundError,
  405: MethodNotAllowedError,
  409: ConflictError,
  410: GoneError,
  412: PreconditionFailedError,
  413: ContentTooLargeError,
  415: UnsupportedMediaTypeError,
  422: UnprocessableEntityError,
  429: RateLimitError,
};

/** Returns the error that an answer is, given its body; hide takes out of a text what no error may hold. */
export function errorOf(response: Response, text: string, hide: (text: string) => string): APIError {
  const status = response.status;
  const body = hide(text);
  const error = parse(body)?.error;
  const known = typeof error?.code === "string" && typeof error.message === "string";
  const named = status >= 500 ? InternalServerError : (classes[status] ?? APIError);
  return new named({
    status,
    code: known ? error.code : "",
    message: known ? error.message : words(response),
    request_id: (known && error.request_id) || (response.headers.get("x-request-id") ?? ""),
    doc_url: (known && error.doc_url) || "",
    details: known && Array.isArray(error.details) ? error.details : [],
    headers: new Headers([...response.headers].map(([name, value]): [string, string] => [name, hide(value)])),
    body,
  });
}

function words(response: Response): string {
  if (response.type === "opaqueredirect") {
    return "a redirect, which is not followed";
  }
  return `${response.status} ${response.statusText}`.trim();
}

// parse returns what a body holds; undefined when it is no JSON.
function parse(body: string): any {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

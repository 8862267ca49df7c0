import { equal } from "./equal.js";
import { WebhookVerificationError } from "./errors.js";
import type { EventPayload } from "./generated/schema.js";

/** Headers as a server of any kind has them; their names in any case. */
export type WebhookHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

/** How a message is verified. */
export interface VerifyOptions {
  /** How many seconds its timestamp may be before or after now; 300 when left out. */
  toleranceSeconds?: number | undefined;
  /** The time, in milliseconds since 1970; that of the platform when left out. */
  now?: number | undefined;
}

const prefix = "whsec_";
const encoder = new TextEncoder();

/**
 * Returns the event that a webhook brought, when it was signed with one of the secrets and is of now, by Standard Webhooks.
 * The body has to be as it came, byte for byte: JSON that was parsed and written again has another signature. Fails with
 * WebhookVerificationError, whose `reason` says why.
 */
export async function verify(
  body: string | Uint8Array | ArrayBuffer,
  headers: WebhookHeaders,
  secrets: string | readonly string[],
  options: VerifyOptions = {},
): Promise<EventPayload> {
  const bytes = bytesOf(body);
  const id = header(headers, "webhook-id");
  const timestamp = header(headers, "webhook-timestamp");
  const signatures = header(headers, "webhook-signature").split(" ").map((signature) => encoder.encode(signature));
  checkTime(timestamp, (options.now ?? Date.now()) / 1000, options.toleranceSeconds ?? 300);
  const keys = [secrets].flat().map(keyOf);
  if (keys.length === 0) {
    throw new WebhookVerificationError("invalid_secret", "there is no secret");
  }
  const text = concat(encoder.encode(`${id}.${timestamp}.`), bytes);
  let matches = false;
  for (const key of keys) {
    const wanted = encoder.encode(await sign(key, text));
    for (const signature of signatures) {
      matches = equal(signature, wanted) || matches;
    }
  }
  if (!matches) {
    throw new WebhookVerificationError("no_matching_signature", "webhook-signature holds no signature of this message by these secrets");
  }
  return payload(bytes);
}

function bytesOf(body: unknown): Uint8Array<ArrayBuffer> {
  if (typeof body === "string") {
    return encoder.encode(body);
  }
  if (ArrayBuffer.isView(body) || body instanceof ArrayBuffer) {
    return ArrayBuffer.isView(body) ? new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice() : new Uint8Array(body);
  }
  throw new WebhookVerificationError("invalid_payload", "give the body as it came, text or bytes, before any JSON is parsed");
}

function header(headers: WebhookHeaders, name: string): string {
  const { get } = headers as Headers; // of any library: there is more than one class of that name
  const found =
    typeof get === "function" ? get.call(headers, name) : Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  const value = [found].flat()[0];
  if (!value) {
    throw new WebhookVerificationError("missing_header", `the header ${name} is missing`);
  }
  return value;
}

function checkTime(timestamp: string, now: number, tolerance: number) {
  // In the one form that is signed, and within 64 bits.
  if (!/^(0|-?[1-9]\d{0,18})$/.test(timestamp) || BigInt.asIntN(64, BigInt(timestamp)) !== BigInt(timestamp)) {
    throw new WebhookVerificationError("invalid_timestamp", "webhook-timestamp is no time in Unix seconds");
  }
  const age = now - Number(timestamp);
  if (age > tolerance) {
    throw new WebhookVerificationError("timestamp_too_old", `webhook-timestamp is ${Math.floor(age)} seconds ago`);
  }
  if (age < -tolerance) {
    throw new WebhookVerificationError("timestamp_too_new", `webhook-timestamp is ${Math.floor(-age)} seconds ahead`);
  }
}

// keyOf returns what a secret's text stands for: what is behind whsec_ is base64, any other text is the secret itself.
function keyOf(secret: string): Uint8Array<ArrayBuffer> {
  const key = secret?.startsWith(prefix) ? decode(secret.slice(prefix.length)) : encoder.encode(secret);
  if (!key || key.length < 24 || key.length > 64) {
    throw new WebhookVerificationError("invalid_secret", "a secret has to be whsec_ and the base64 of 24 to 64 bytes, or a text of so many");
  }
  return key;
}

// decode takes base64 in its one form: padded, without white space, and with no bits to spare.
function decode(base64: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    const binary = atob(base64);
    return btoa(binary) === base64 ? Uint8Array.from(binary, (c) => c.charCodeAt(0)) : undefined;
  } catch {
    return undefined;
  }
}

async function sign(key: Uint8Array<ArrayBuffer>, text: Uint8Array<ArrayBuffer>): Promise<string> {
  const hmac = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const signature = new Uint8Array(await crypto.subtle.sign("HMAC", hmac, text));
  return `v1,${btoa(String.fromCharCode(...signature))}`;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function payload(bytes: Uint8Array): EventPayload {
  try {
    const event = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
    if (typeof event.event === "string") {
      return event;
    }
  } catch {
    // refused below
  }
  throw new WebhookVerificationError("invalid_payload", "the body is no event in JSON");
}

import { createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

const tolerance = 300; // seconds

/**
 * Returns normally for a request that was signed with the secret (whsec_…) within the last five minutes, and throws for
 * any other. Hand it the body as it was received: JSON that was parsed and printed again has another signature.
 */
export function verify(secret: string, headers: IncomingHttpHeaders, body: Buffer, now: number = Date.now() / 1000): void {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  if (key.length === 0) throw new Error("the secret is not whsec_ and base64");
  const id = headers["webhook-id"];
  const timestamp = headers["webhook-timestamp"];
  if (!id || typeof timestamp !== "string" || !/^\d{1,15}$/.test(timestamp)) {
    throw new Error("webhook-id or webhook-timestamp is missing or malformed");
  }
  if (Math.abs(now - Number(timestamp)) > tolerance) throw new Error("webhook-timestamp is too far from now");
  const hmac = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body);
  const want = Buffer.from("v1," + hmac.digest("base64"));
  const signatures = String(headers["webhook-signature"] ?? "").split(" "); // two while a secret is rotated
  const matches = signatures.map((s) => Buffer.from(s)).some((got) => got.length === want.length && timingSafeEqual(got, want));
  if (!matches) throw new Error("webhook-signature does not match");
}

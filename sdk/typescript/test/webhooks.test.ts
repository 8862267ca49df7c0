import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { WebhookVerificationError, webhooks } from "../src/index.js";
import { equal } from "../src/equal.js";
import { thrown } from "./server.js";

interface Vector {
  name: string;
  body: string;
  headers: Record<string, string>;
  secrets: string[];
  now: number;
  tolerance: number;
  want: string;
}

const shared = new URL("../../signatures.json", import.meta.url);

describe.skipIf(!existsSync(shared))("the messages of sdk/signatures.json (skipped when there is no such file)", () => {
  const { vectors } = existsSync(shared) ? (JSON.parse(readFileSync(shared, "utf8")) as { vectors: Vector[] }) : { vectors: [] };
  test.each(vectors)("$name: $want", async ({ body, headers, secrets, now, tolerance, want }) => {
    for (const given of [body, new TextEncoder().encode(body)]) {
      const verdict = await webhooks.verify(given, headers, secrets, { now: now * 1000, toleranceSeconds: tolerance }).then(
        (event) => {
          expect(event).toEqual(JSON.parse(body));
          return "ok";
        },
        (error: WebhookVerificationError) => error.reason,
      );
      expect(verdict).toBe(want);
    }
  });
});

// Signed by OpenSSL.
const secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=";
const body = '{"event":"permit.fee_changed","data":{}}';
const now = 1769165100_000;
const headers = {
  "webhook-id": "evt_1",
  "webhook-timestamp": "1769165100",
  "webhook-signature": "v1,frHavCnPKheBnkHNbVYp0ivvXqpFeayVMRZ1M6uhTsE=",
};
const reason = async (run: () => unknown) => {
  const error = await thrown<WebhookVerificationError>(run);
  expect(error).toBeInstanceOf(WebhookVerificationError);
  expect(error.message).not.toContain(secret);
  return error.reason;
};

describe("verify", () => {
  test("returns the event, typed", async () => {
    const event = await webhooks.verify(body, headers, secret, { now });
    expect(event.event === "permit.fee_changed" && event.data).toEqual({});
  });

  test("takes the body in any form, though not parsed", async () => {
    const bytes = new TextEncoder().encode(`x${body}`).subarray(1);
    for (const given of [Buffer.from(body), bytes, bytes.slice().buffer]) {
      expect((await webhooks.verify(given, headers, secret, { now })).event).toBe("permit.fee_changed");
    }
    const parsed = JSON.parse(body) as never;
    expect(await reason(() => webhooks.verify(parsed, headers, secret, { now }))).toBe("invalid_payload");
  });

  test("takes headers in any form", async () => {
    const upper = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), [value]]));
    const foreign = { get: (name: string) => headers[name as keyof typeof headers] ?? null } as Headers;
    for (const given of [new Headers(headers), upper, foreign]) {
      expect((await webhooks.verify(body, given, secret, { now })).event).toBe("permit.fee_changed");
    }
  });

  test("takes one secret or several, one of which is enough", async () => {
    const other = "another secret of at least 24 bytes";
    expect((await webhooks.verify(body, headers, [other, secret], { now })).event).toBe("permit.fee_changed");
    expect((await webhooks.verify(body, headers, "0123456789abcdefghijklmnopqrstuv", { now })).event).toBe("permit.fee_changed");
    expect(await reason(() => webhooks.verify(body, headers, [other], { now }))).toBe("no_matching_signature");
    expect(await reason(() => webhooks.verify(body, headers, [], { now }))).toBe("invalid_secret");
    expect(await reason(() => webhooks.verify(body, headers, [secret, "short"], { now }))).toBe("invalid_secret");
    expect(await reason(() => webhooks.verify(body, headers, undefined as never, { now }))).toBe("invalid_secret");
  });

  test("has a tolerance, both ways, of 300 s when left out", async () => {
    for (const [offset, toleranceSeconds, want] of [
      [300, undefined, "ok"], [301, undefined, "timestamp_too_old"], [-300, undefined, "ok"], [-301, undefined, "timestamp_too_new"],
      [9, 10, "ok"], [11, 10, "timestamp_too_old"], [1, 0, "timestamp_too_old"], [0, 0, "ok"],
    ] as const) {
      const call = () => webhooks.verify(body, headers, secret, { now: now + offset * 1000, toleranceSeconds });
      expect(want === "ok" ? await call().then(() => "ok") : await reason(call), `${offset} s`).toBe(want);
    }
  });

  test("uses the platform's clock when it is given none", async () => {
    expect(await reason(() => webhooks.verify(body, headers, secret))).toBe("timestamp_too_old");
  });

  test("refuses what is no time", async () => {
    for (const timestamp of ["soon", "1e9", "+1769165100", " 1769165100", "01769165100", "-0", "1769165100.5", "9223372036854775808", "99999999999999999999"]) {
      const altered = { ...headers, "webhook-timestamp": timestamp };
      expect(await reason(() => webhooks.verify(body, altered, secret, { now })), timestamp).toBe("invalid_timestamp");
    }
    const altered = { ...headers, "webhook-timestamp": "9223372036854775807" };
    expect(await reason(() => webhooks.verify(body, altered, secret, { now }))).toBe("timestamp_too_new");
  });

  test("refuses a body that is not UTF-8", async () => {
    expect(await reason(() => webhooks.verify(new Uint8Array([0x22, 0xff, 0x22]), headers, secret, { now }))).toBe("no_matching_signature");
  });
});

test("signatures are compared whole, wherever they differ", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  expect(equal(bytes("v1,abc"), bytes("v1,abc"))).toBe(true);
  for (const [a, b] of [["v1,abd", "v1,abc"], ["x1,abc", "v1,abc"], ["v1,ab", "v1,abc"], ["v1,abcv", "v1,abc"], ["", "v1,abc"], ["v1,abcv1,abc", "v1,abc"]]) {
    expect(equal(bytes(a!), bytes(b!)), a).toBe(false);
  }

  // A comparison that ended at the first difference would read less of what is wanted.
  const reads = (given: string) => {
    let count = 0;
    const wanted = new Proxy(bytes("v1,abcdefgh"), {
      get(target, name) {
        count += /^\d+$/.test(String(name)) ? 1 : 0;
        const value: unknown = Reflect.get(target, name);
        return value;
      },
    });
    equal(bytes(given), wanted);
    return count;
  };
  expect(reads("x1,abcdefgh")).toBe(reads("v1,abcdefgh"));
  expect(reads("v1,a")).toBe(reads("v1,abcdefgh"));
});

import { describe, expect, test } from "vitest";
import { APIConnectionError, APIError, APITimeoutError, RateLimitError } from "../src/index.js";
import { retryAfter } from "../src/retry.js";
import { Clock, type Answer, closedPort, hangUp, newClient, problem, serve, silence, thrown, truncate } from "./server.js";

const uuid = "01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10";
const ok: Answer = { json: { data: { id: "note_1" } } };
const done: Answer = { status: 204 };
const status = (code: number): Answer => ({ status: code, json: problem("internal_error") });

const calls = {
  GET: (url: string, options = {}) => newClient(url, options).notes.get("note_1"),
  POST: (url: string, options = {}) => newClient(url, options).notes.create(uuid, { body: "Call them" }),
  DELETE: (url: string, options = {}) => newClient(url, options).notes.delete("note_1"),
  PATCH: (url: string, options = {}) => newClient(url, options).notes.update("note_1", { body: "Called them" }),
};
const methods = Object.keys(calls) as (keyof typeof calls)[];

describe("what is tried again", () => {
  const failures: [name: string, answer: Answer, patch: boolean, other: boolean][] = [
    ["429", status(429), true, true],
    ["408", status(408), false, true],
    ["500", status(500), false, true],
    ["502", status(502), false, true],
    ["503", status(503), false, true],
    ["504", status(504), false, true],
    ["599", status(599), false, true],
    ["a broken connection", hangUp, false, true],
    ["a body that ends early", truncate, false, true],
    ["no JSON", { text: "<html>" }, false, true],
    ["no envelope", { json: ["hello"] }, false, true],
    ["an attempt that takes too long", silence, false, true],
    ["302", { status: 302, headers: { Location: "/elsewhere" } }, false, false],
    ["400", status(400), false, false],
    ["401", status(401), false, false],
    ["404", status(404), false, false],
    ["409", status(409), false, false],
    ["412", status(412), false, false],
    ["422", status(422), false, false],
  ];
  for (const method of methods) {
    for (const [name, answer, patch, other] of failures) {
      const again = method === "PATCH" ? patch : other;
      test(`${method}: ${name}: ${again ? "yes" : "no"}`, async () => {
        const server = await serve(answer, method === "DELETE" ? done : ok);
        const call = calls[method](server.url, { timeoutMs: name.includes("too long") ? 1000 : 30_000 });
        if (again) {
          await call;
        } else {
          await expect(call).rejects.toThrow();
        }
        expect(server.requests.length).toBe(again ? 2 : 1);
      });
    }

    test(`${method}: no connection: yes`, async () => {
      let attempts = 0;
      const url = await closedPort();
      const counted: typeof fetch = (input, init) => {
        attempts++;
        return fetch(input, init);
      };
      const error = await thrown(() => calls[method](url, { fetch: counted }));
      expect(error).toBeInstanceOf(APIConnectionError);
      expect(error).not.toBeInstanceOf(APITimeoutError);
      expect(error.message).toContain("ECONNREFUSED");
      expect(attempts).toBe(3);
    });
  }

  test("as often as allowed", async () => {
    for (const [maxRetries, attempts] of [[undefined, 3], [0, 1], [5, 6]]) {
      const server = await serve(status(503));
      const error = await thrown<APIError>(() => newClient(server.url).notes.get("note_1", { maxRetries }));
      expect(error.status).toBe(503);
      expect(server.requests.length).toBe(attempts);
    }
  });

  test("the client's retries hold for every call", async () => {
    const server = await serve(status(503));
    await thrown(() => newClient(server.url, { maxRetries: 1 }).notes.get("note_1"));
    expect(server.requests.length).toBe(2);
  });
});

describe("idempotency keys", () => {
  test("a random UUID, the same on every attempt", async () => {
    const server = await serve(status(503), hangUp, ok, ok);
    const client = newClient(server.url);
    await client.notes.create(uuid, { body: "1" });
    await client.notes.create(uuid, { body: "2" });
    const keys = server.requests.map((r) => r.headers["idempotency-key"]);
    expect(keys[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(keys).toEqual([keys[0], keys[0], keys[0], keys[3]]);
    expect(keys[3]).not.toBe(keys[0]);
    expect(new Set(server.requests.slice(0, 3).map((r) => r.body)).size).toBe(1);
  });

  test("one's own", async () => {
    const server = await serve(status(503), ok);
    await newClient(server.url).notes.create(uuid, { body: "1" }, { idempotencyKey: "import-17" });
    expect(server.requests.map((r) => r.headers["idempotency-key"])).toEqual(["import-17", "import-17"]);
  });

  test("none on other methods", async () => {
    const server = await serve(ok);
    await newClient(server.url).notes.get("note_1");
    await newClient(server.url).notes.update("note_1", { body: "1" });
    expect(server.requests.map((r) => r.headers["idempotency-key"])).toEqual([undefined, undefined]);
  });
});

describe("waits", () => {
  const waits = async (answers: Answer[], chance = 1, options = {}) => {
    const clock = new Clock();
    clock.chance = chance;
    const server = await serve(...answers);
    const error = await newClient(server.url, { maxRetries: 7, totalTimeoutMs: 600_000, ...options }, clock)
      .notes.get("note_1")
      .then(() => undefined, (e: APIError) => e);
    return { waits: clock.waits, error, attempts: server.requests.length };
  };
  const after = (value: string, code = 429): Answer => ({ status: code, headers: { "Retry-After": value }, json: problem("rate_limited") });

  test("double, up to eight seconds", async () => {
    expect((await waits([status(503)])).waits).toEqual([500, 1000, 2000, 4000, 8000, 8000, 8000]);
  });

  test("vary between half and whole", async () => {
    expect((await waits([status(503)], 0)).waits).toEqual([250, 500, 1000, 2000, 4000, 4000, 4000]);
    expect((await waits([status(503), ok], 0.5)).waits).toEqual([375]);
  });

  test("Retry-After in seconds", async () => {
    expect((await waits([after("7"), after("0", 503), after("60", 500), ok])).waits).toEqual([7000, 0, 60_000]);
  });

  test("Retry-After as a date", async () => {
    expect((await waits([after("Fri, 23 Jan 2026 10:45:12 GMT"), ok])).waits).toEqual([12_000]);
    expect((await waits([after("Fri, 23 Jan 2026 10:44:00 GMT"), ok])).waits).toEqual([0]);
  });

  test("a Retry-After that says nothing", async () => {
    for (const value of ["soon", "-5", "1e3", "2026-01-23"]) {
      expect((await waits([after(value), ok])).waits, value).toEqual([500]);
    }
  });

  test("a Retry-After that is too long ends the retries", async () => {
    for (const value of ["61", "Fri, 23 Jan 2026 10:46:01 GMT"]) {
      const { waits: waited, error, attempts } = await waits([after(value), ok]);
      expect(waited, value).toEqual([]);
      expect(error, value).toBeInstanceOf(RateLimitError);
      expect(attempts, value).toBe(1);
    }
  });

  test("a wait that would end after the total time ends the retries", async () => {
    const asked = await waits([after("10"), ok], 1, { totalTimeoutMs: 10_000 });
    expect(asked.waits).toEqual([]);
    expect(asked.error).toBeInstanceOf(RateLimitError);
    const backoff = await waits([status(503)], 1, { totalTimeoutMs: 3_000 });
    expect(backoff.waits).toEqual([500, 1000]);
    expect(backoff.error?.status).toBe(503);
  });

  test("retryAfter", () => {
    expect(retryAfter(null, 0)).toBeUndefined();
    expect(retryAfter("", 0)).toBeUndefined();
    expect(retryAfter("1.5", 0)).toBe(1500);
    expect(retryAfter("Thu, 01 Jan 1970 00:00:02 GMT", 500)).toBe(1500);
  });
});

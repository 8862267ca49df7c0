import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { APIConnectionError, APIError, APITimeoutError } from "../src/index.js";
import { system } from "../src/platform.js";
import { Clock, hangUp, newClient, serve, silence, thrown, type Answer } from "./server.js";

const ok: Answer = { json: { data: { id: "note_1" } } };

test("an attempt has its time, the client's or the call's", async () => {
  const server = await serve(silence);
  const client = newClient(server.url, { timeoutMs: 40, maxRetries: 0 });
  expect((await thrown(() => client.notes.get("1"))).message).toContain("within 40 ms");
  expect((await thrown(() => client.notes.get("1", { timeoutMs: 20 }))).message).toContain("within 20 ms");
});

test("a body that does not end counts as much as an answer that does not come", async () => {
  const server = await serve((_, response) => {
    response.writeHead(200, { "Content-Type": "application/json" });
    response.write('{"data": ');
  });
  const error = await thrown(() => newClient(server.url, { timeoutMs: 50, maxRetries: 1 }).notes.get("1"));
  expect(error).toBeInstanceOf(APITimeoutError);
  expect(server.requests.length).toBe(2);
});

test("all attempts have a time together", async () => {
  const server = await serve(silence);
  const clock = new Clock();
  const client = newClient(server.url, { timeoutMs: 60_000, totalTimeoutMs: 50, maxRetries: 9 }, clock);
  const error = await thrown(() => client.notes.get("1"));
  expect(error).toBeInstanceOf(APITimeoutError);
  expect(error.message).toContain("within 50 ms");
});

test("what is left of the total time is all that the last attempt gets", async () => {
  const server = await serve({ status: 503 }, silence);
  const error = await thrown(() => newClient(server.url, { totalTimeoutMs: 530 }).notes.get("1", { maxRetries: 1 }));
  expect(error).toBeInstanceOf(APITimeoutError);
  expect(error.message).toContain("within 30 ms");
});

test("waiting calls get the time on top that the server waits", async () => {
  const slow: Answer = (_, response) => setTimeout(() => response.end('{"data": [], "meta": {"next_after": 1, "has_more": false}}'), 150);
  const server = await serve(slow);
  const client = newClient(server.url, { timeoutMs: 50, totalTimeoutMs: 50, maxRetries: 0 });
  expect(await thrown(() => client.events.list())).toBeInstanceOf(APITimeoutError);
  expect((await client.events.list({ wait: 1 })).meta.next_after).toBe(1);
  expect((await client.webhooks.test("whk_1", { event_type: "permit.fee_changed" })).id).toBeUndefined();
});

test("limits have to be numbers", async () => {
  expect(() => newClient("http://127.0.0.1:1", { timeoutMs: -1 })).toThrow("timeoutMs has to be a number");
  expect(() => newClient("http://127.0.0.1:1", { maxRetries: NaN })).toThrow("maxRetries has to be a number");
  const server = await serve(ok);
  expect((await thrown(() => newClient(server.url).notes.get("1", { totalTimeoutMs: "1" as never }))).message).toContain("totalTimeoutMs");
  expect((await newClient(server.url).notes.get("1", { timeoutMs: Infinity, totalTimeoutMs: Infinity })).id).toBe("note_1");
});

test("cancelling ends an attempt at once", async () => {
  const server = await serve(silence);
  const controller = new AbortController();
  const call = newClient(server.url).notes.get("1", { signal: controller.signal });
  const reason = new Error("enough");
  setTimeout(() => controller.abort(reason), 20);
  expect(await thrown(() => call)).toBe(reason);
  expect(server.requests.length).toBe(1);
});

test("cancelling ends a wait at once", async () => {
  const server = await serve({ status: 503, headers: { "Retry-After": "50" } });
  const controller = new AbortController();
  const log = () => setTimeout(() => controller.abort(), 5);
  const call = newClient(server.url, { log }, system).notes.get("1", { signal: controller.signal });
  expect((await thrown(() => call)).name).toBe("AbortError");
  expect(server.requests.length).toBe(1);
});

test("what is done is done, though it is cancelled then", async () => {
  const server = await serve(ok);
  const controller = new AbortController();
  const client = newClient(server.url, { log: () => controller.abort() });
  expect((await client.notes.create("1", { body: "a" }, { signal: controller.signal })).id).toBe("note_1");
});

test("what is cancelled before it begins is not sent", async () => {
  const server = await serve(ok);
  const error = await thrown(() => newClient(server.url).notes.get("1", { signal: AbortSignal.abort() }));
  expect(error.name).toBe("AbortError");
  expect(server.requests.length).toBe(0);
});

test("a signal keeps no listener of a call that ended", async () => {
  const server = await serve({ status: 503 }, hangUp, ok, { text: "a\n" });
  const { signal } = new AbortController();
  const client = newClient(server.url);
  await client.notes.get("1", { signal });
  await (await client.permits.export({ format: "csv" }, { signal })).text();
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

test("a file comes in pieces, and has no limit of time once it begins", async () => {
  const server = await serve((_, response) => {
    response.writeHead(200, { "Content-Type": "text/csv", "X-Request-Id": "req_9" });
    response.write("uuid\n");
    setTimeout(() => response.end("1\n"), 1500);
  });
  const { data, response, request_id } = await newClient(server.url, { timeoutMs: 1000, totalTimeoutMs: 1000 })
    .permits.export({ format: "csv" })
    .withResponse();
  expect(response).toBe(data);
  expect(data.headers.get("content-type")).toBe("text/csv");
  expect(request_id).toBe("req_9");
  expect(await data.text()).toBe("uuid\n1\n");
});

test("a file that ends early fails, and can be cancelled", async () => {
  const server = await serve((request, response) => {
    response.writeHead(200, { "Content-Type": "text/csv" });
    response.write("uuid\n");
    setTimeout(() => request.socket.destroy(), 20);
  }, (_, response) => {
    response.writeHead(200, { "Content-Type": "text/csv" });
    response.write("uuid\n");
  });
  const client = newClient(server.url);
  const file = await client.permits.export({ format: "csv" });
  const error = await thrown(() => file.text());
  expect(error.constructor).toBe(APIConnectionError);
  expect(error.message).toMatch(/^GET \/v1\/permits\/export: /);

  const controller = new AbortController();
  const other = await client.permits.export({ format: "csv" }, { signal: controller.signal });
  setTimeout(() => controller.abort(), 20);
  expect((await thrown(() => other.text())).name).toBe("AbortError");
});

test("a file is asked for again until it begins", async () => {
  const server = await serve({ status: 429, headers: { "Retry-After": "3" } }, { text: "uuid\n" });
  const clock = new Clock();
  expect(await (await newClient(server.url, {}, clock).permits.export({ format: "csv" })).text()).toBe("uuid\n");
  expect(clock.waits).toEqual([3000]);
  const refused = await serve({ status: 403 });
  expect(await thrown(() => newClient(refused.url).permits.export({ format: "csv" }))).toBeInstanceOf(APIError);
});

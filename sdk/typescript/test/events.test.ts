import { expect, test } from "vitest";
import { GoneError, InternalServerError } from "../src/index.js";
import { Clock, newClient, problem, serve, thrown, type Answer } from "./server.js";

const events = (numbers: number[], next_after: number): Answer => ({
  json: { data: numbers.map((number) => ({ id: `evt_${number}`, number, payload: {} })), meta: { next_after, has_more: false } },
});

async function take(stream: AsyncIterable<{ number: number }>, count: number): Promise<number[]> {
  const numbers: number[] = [];
  for await (const { number } of stream) {
    numbers.push(number);
    if (numbers.length === count) {
      break;
    }
  }
  return numbers;
}

test("the feed goes on after the last event", async () => {
  const server = await serve(events([4, 5], 5), events([], 9), { status: 503 }, events([10], 10));
  const stream = newClient(server.url).events.stream({ after: 3, types: ["permit.fee_changed"] });
  expect(await take(stream, 3)).toEqual([4, 5, 10]);
  expect(server.requests.map((r) => r.url)).toEqual([
    "/v1/events?wait=20&after=3&types=permit.fee_changed",
    "/v1/events?wait=20&after=5&types=permit.fee_changed",
    "/v1/events?wait=20&after=9&types=permit.fee_changed",
    "/v1/events?wait=20&after=9&types=permit.fee_changed",
  ]);
});

test("the feed begins with the oldest event, and can be resumed by a number", async () => {
  const server = await serve(events([1, 2], 2));
  const client = newClient(server.url);
  const [last] = await take(client.events.stream(), 1);
  await take(client.events.stream({ after: last! }), 1);
  expect(server.requests.map((r) => r.url)).toEqual(["/v1/events?wait=20", "/v1/events?wait=20&after=1"]);
});

test("a server that does not wait is not asked all the time", async () => {
  const server = await serve(events([], 0), events([], 0), events([1], 1));
  const clock = new Clock();
  expect(await take(newClient(server.url, {}, clock).events.stream(), 1)).toEqual([1]);
  expect(clock.waits).toEqual([1000, 1000]);
});

test("the feed fails when events are no longer kept, and when the server fails for long", async () => {
  const gone = await serve({ status: 410, json: problem("cursor_expired") });
  const error = await thrown<GoneError>(() => take(newClient(gone.url).events.stream({ after: 1 }), 1));
  expect(error).toBeInstanceOf(GoneError);
  expect(error.code).toBe("cursor_expired");
  const failing = await serve(events([1], 1), { status: 500 });
  expect(await thrown(() => take(newClient(failing.url).events.stream(), 2))).toBeInstanceOf(InternalServerError);
  expect(failing.requests.length).toBe(4);
});

test("the feed ends when it is cancelled", async () => {
  const server = await serve(events([1], 1), () => undefined);
  const controller = new AbortController();
  const error = await thrown(async () => {
    for await (const _ of newClient(server.url).events.stream({}, { signal: controller.signal })) {
      setTimeout(() => controller.abort(), 20);
    }
  });
  expect(error.name).toBe("AbortError");
});

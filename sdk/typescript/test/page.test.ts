import { describe, expect, test } from "vitest";
import { Page, RateLimitError } from "../src/index.js";
import { newClient, serve, thrown, type Answer } from "./server.js";

const page = (numbers: number[], next_cursor: string | null, more = {}): Answer => ({
  json: { data: numbers.map((n) => ({ permit_number: `BLD-${n}` })), meta: { per_page: 2, next_cursor, ...more } },
});

const three = [page([1, 2], "b", { page: 1, total: 5 }), page([3, 4], "c"), page([5], null)];

test("a page has data, meta and a way to the next", async () => {
  const server = await serve(...three);
  const first = await newClient(server.url).permits.list({ scope: "all", per_page: 2, page: 1 });
  expect(first).toBeInstanceOf(Page);
  expect(first.data.map((p) => p.permit_number)).toEqual(["BLD-1", "BLD-2"]);
  expect(first.meta.total).toBe(5);
  expect(first.hasNextPage()).toBe(true);
  const second = await first.getNextPage();
  const third = await second!.getNextPage();
  expect(third!.data.map((p) => p.permit_number)).toEqual(["BLD-5"]);
  expect(third!.hasNextPage()).toBe(false);
  expect(await third!.getNextPage()).toBeNull();
  expect(server.requests.map((r) => r.url)).toEqual([
    "/v1/permits?scope=all&per_page=2&page=1",
    "/v1/permits?scope=all&per_page=2&cursor=b",
    "/v1/permits?scope=all&per_page=2&cursor=c",
  ]);
});

describe("all items", () => {
  test("of a list", async () => {
    const server = await serve(...three);
    const numbers: string[] = [];
    for await (const permit of newClient(server.url).permits.list()) {
      numbers.push(permit.permit_number);
    }
    expect(numbers).toEqual(["BLD-1", "BLD-2", "BLD-3", "BLD-4", "BLD-5"]);
    expect(server.requests.length).toBe(3);
  });

  test("of a page and those that follow", async () => {
    const server = await serve(...three);
    const first = await newClient(server.url).permits.list();
    const second = (await first.getNextPage())!;
    const numbers: string[] = [];
    for await (const permit of second) {
      numbers.push(permit.permit_number);
    }
    expect(numbers).toEqual(["BLD-3", "BLD-4", "BLD-5"]);
  });

  test("are fetched when they are needed", async () => {
    const server = await serve(...three);
    for await (const permit of newClient(server.url).permits.list()) {
      if (permit.permit_number === "BLD-2") {
        break;
      }
    }
    expect(server.requests.length).toBe(1);
  });

  test("go on after an empty page", async () => {
    const server = await serve(page([], "b"), page([1], null));
    const numbers: string[] = [];
    for await (const permit of newClient(server.url).permits.list()) {
      numbers.push(permit.permit_number);
    }
    expect(numbers).toEqual(["BLD-1"]);
  });

  test("keep the options of the call, and fail as it would", async () => {
    const server = await serve(page([1, 2], "b"), { status: 503 }, page([3], "c"), { status: 429, headers: { "Retry-After": "90" } });
    const numbers: string[] = [];
    const error = await thrown(async () => {
      for await (const permit of newClient(server.url).permits.list({}, { headers: { "X-Team": "a" } })) {
        numbers.push(permit.permit_number);
      }
    });
    expect(error).toBeInstanceOf(RateLimitError);
    expect(numbers).toEqual(["BLD-1", "BLD-2", "BLD-3"]);
    expect(server.requests.map((r) => r.headers["x-team"])).toEqual(["a", "a", "a", "a"]);
  });

  test("end when the call is cancelled", async () => {
    const server = await serve(...three);
    const controller = new AbortController();
    const error = await thrown(async () => {
      for await (const permit of newClient(server.url).permits.list({}, { signal: controller.signal })) {
        if (permit.permit_number === "BLD-3") {
          controller.abort();
        }
      }
    });
    expect(error.name).toBe("AbortError");
    expect(server.requests.length).toBe(2);
  });
});

test("the raw answer of a list", async () => {
  const server = await serve(...three);
  const { data, response, request_id } = await newClient(server.url).permits.list().withResponse();
  expect(data.data.length).toBe(2);
  expect(response.status).toBe(200);
  expect(request_id).toBe("req_1");
});

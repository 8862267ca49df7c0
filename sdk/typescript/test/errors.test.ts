import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import * as plotwise from "../src/index.js";
import { hangUp, key, newClient, problem, serve, silence, thrown } from "./server.js";

describe("classes", () => {
  const classes: [number, typeof plotwise.APIError, string][] = [
    [400, plotwise.BadRequestError, "BadRequestError"],
    [401, plotwise.AuthenticationError, "AuthenticationError"],
    [403, plotwise.PermissionDeniedError, "PermissionDeniedError"],
    [404, plotwise.NotFoundError, "NotFoundError"],
    [405, plotwise.MethodNotAllowedError, "MethodNotAllowedError"],
    [409, plotwise.ConflictError, "ConflictError"],
    [410, plotwise.GoneError, "GoneError"],
    [412, plotwise.PreconditionFailedError, "PreconditionFailedError"],
    [413, plotwise.ContentTooLargeError, "ContentTooLargeError"],
    [415, plotwise.UnsupportedMediaTypeError, "UnsupportedMediaTypeError"],
    [422, plotwise.UnprocessableEntityError, "UnprocessableEntityError"],
    [429, plotwise.RateLimitError, "RateLimitError"],
    [500, plotwise.InternalServerError, "InternalServerError"],
    [503, plotwise.InternalServerError, "InternalServerError"],
    [302, plotwise.APIError, "APIError"],
    [304, plotwise.APIError, "APIError"],
    [418, plotwise.APIError, "APIError"],
  ];
  for (const [status, wanted, name] of classes) {
    test(`${status} is ${name}`, async () => {
      const server = await serve({ status, ...(status === 304 ? {} : { json: problem("some_code", "Not so.") }) });
      const error = await thrown(() => newClient(server.url, { maxRetries: 0 }).permits.get("1"));
      expect(error.constructor).toBe(wanted);
      expect(error.name).toBe(name);
      expect(error).toBeInstanceOf(plotwise.APIError);
      expect(error).toBeInstanceOf(plotwise.PlotwiseError);
      expect((error as plotwise.APIError).status).toBe(status);
    });
  }

  test("no answer is a connection error", async () => {
    const server = await serve(hangUp);
    const error = await thrown(() => newClient(server.url).permits.get("1"));
    expect(error.constructor).toBe(plotwise.APIConnectionError);
    expect(error).toBeInstanceOf(plotwise.PlotwiseError);
    expect(error).not.toBeInstanceOf(plotwise.APIError);
    expect(error.message).toMatch(/^GET \/v1\/permits\/1: /);
  });

  test("no answer in time is a timeout error", async () => {
    const server = await serve(silence);
    const error = await thrown(() => newClient(server.url, { timeoutMs: 30, maxRetries: 0 }).permits.get("1"));
    expect(error.constructor).toBe(plotwise.APITimeoutError);
    expect(error).toBeInstanceOf(plotwise.APIConnectionError);
    expect(error.message).toBe("GET /v1/permits/1: no answer within 30 ms");
  });
});

test("an error tells all that the answer says", async () => {
  const details = [{ in: "query", pointer: "per_page", code: "maximum", message: "must be at most 100" }];
  const body = { error: { ...problem("invalid_parameter", "per_page is too large").error, request_id: "req_7", details } };
  const server = await serve({ status: 400, json: body, headers: { "RateLimit-Policy": "x" } });
  const error = await thrown<plotwise.APIError>(() => newClient(server.url).permits.list({ per_page: 1000 }));
  expect(error.code).toBe("invalid_parameter");
  expect(error.message).toBe("per_page is too large");
  expect(error.request_id).toBe("req_7");
  expect(error.doc_url).toBe("https://api.plotwise.us/docs/errors#invalid_parameter");
  expect(error.details).toEqual(details);
  expect(error.headers.get("ratelimit-policy")).toBe("x");
  expect(JSON.parse(error.body)).toEqual(body);
});

test("a page of a proxy has no code, and its status for a message", async () => {
  const pages = ["<html><h1>Bad Gateway</h1></html>", "", '"no"', "null", '{"error": "no"}', '{"error": {"code": 7}}'];
  for (const text of pages) {
    const server = await serve({ status: 502, text });
    const error = await thrown<plotwise.APIError>(() => newClient(server.url, { maxRetries: 0 }).permits.get("1"));
    expect(error.constructor, text).toBe(plotwise.InternalServerError);
    expect(error.code, text).toBe("");
    expect(error.message, text).toBe("502 Bad Gateway");
    expect(error.request_id, text).toBe("req_1");
    expect(error.doc_url, text).toBe("");
    expect(error.details, text).toEqual([]);
    expect(error.body, text).toBe(text);
  }
});

test("an error whose body ends early goes by its status", async () => {
  const server = await serve((request, response) => {
    response.writeHead(404, { "Content-Length": "1000" });
    response.write('{"error": ', () => request.socket.destroy());
  });
  const error = await thrown<plotwise.APIError>(() => newClient(server.url).permits.get("1"));
  expect(error.constructor).toBe(plotwise.NotFoundError);
  expect(error.message).toBe("404 Not Found");
});

test("redirects are not followed", async () => {
  const server = await serve({ status: 307, headers: { Location: "/elsewhere" } }, { json: { data: {} } });
  const error = await thrown<plotwise.APIError>(() => newClient(server.url).notes.create("1", { body: "a" }));
  expect(error.status).toBe(307);
  expect(server.requests.length).toBe(1);
});

describe("the key", () => {
  test("is in no error, though the server says it back", async () => {
    const said = `you sent Bearer ${key}`;
    const server = await serve({ status: 401, json: problem("invalid_api_key", said), headers: { "X-Echo": said } });
    const error = await thrown<plotwise.APIError>(() => newClient(server.url).permits.get("1"));
    expect(error.message).toBe("you sent Bearer [hidden]");
    expect(error.headers.get("x-echo")).toBe("you sent Bearer [hidden]");
    expect(inspect(error, { depth: null, showHidden: true })).not.toContain(key);
  });

  test("is in no connection error, though the transport says it", async () => {
    const leaky: typeof fetch = () => Promise.reject(new Error(`cannot send Bearer ${key}`));
    const error = await thrown(() => newClient("http://127.0.0.1:1", { fetch: leaky }).permits.get("1"));
    expect(error.constructor).toBe(plotwise.APIConnectionError);
    expect(error.message).toBe("GET /v1/permits/1: cannot send Bearer [hidden]");
    expect(inspect(error, { depth: null, showHidden: true })).not.toContain(key);
  });

  test("is not shown by a client", () => {
    const client = newClient("http://127.0.0.1:1", { headers: { "X-Gateway": "secret" } });
    const shown = inspect(client, { depth: null }) + JSON.stringify(client) + String(client);
    expect(shown).not.toContain(key);
    expect(shown).not.toContain("secret");
  });
});

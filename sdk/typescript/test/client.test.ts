import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { APIPromise, Plotwise, PlotwiseError, version, type LogEntry } from "../src/index.js";
import { userAgent } from "../src/platform.js";
import { Clock, closedPort, hangUp, key, newClient, serve, thrown, type Answer } from "./server.js";

const ok: Answer = { json: { data: { id: "note_1" } } };
const uuid = "01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10";

beforeEach(() => {
  vi.stubEnv("PLOTWISE_API_KEY", "");
  vi.stubEnv("PLOTWISE_BASE_URL", "");
});

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("the key", () => {
  test("comes from the argument before the environment", async () => {
    const server = await serve(ok);
    vi.stubEnv("PLOTWISE_API_KEY", "pw_live_environment");
    await new Plotwise({ baseURL: server.url }).notes.get("1");
    await new Plotwise({ baseURL: server.url, apiKey: key }).notes.get("1");
    expect(server.requests.map((r) => r.headers.authorization)).toEqual(["Bearer pw_live_environment", `Bearer ${key}`]);
  });

  test("has to be there, and one that a header can carry", () => {
    expect(() => new Plotwise()).toThrow(PlotwiseError);
    expect(() => new Plotwise()).toThrow("PLOTWISE_API_KEY");
    expect(() => new Plotwise({ apiKey: "" })).toThrow("there is no API key");
    for (const bad of ["pw live", "pw_live\n", " pw_live", "pw_live\t", "pw_lïve", "pw_live\u0000", "pw_live\u200b"]) {
      const error = (() => {
        try {
          return new Plotwise({ apiKey: bad });
        } catch (e) {
          return e;
        }
      })();
      expect(error, JSON.stringify(bad)).toBeInstanceOf(PlotwiseError);
      expect((error as Error).message, JSON.stringify(bad)).not.toContain(bad.trim());
    }
  });
});

describe("the base URL", () => {
  const asked = async (options: { baseURL?: string }) => {
    let url = "";
    const transport: typeof fetch = async (input) => {
      url = String(input);
      return Response.json({ data: {} });
    };
    await new Plotwise({ apiKey: key, fetch: transport, ...options }).organizations.getMe();
    return url;
  };

  test("comes from the argument, the environment, or the specification", async () => {
    expect(await asked({})).toBe("https://api.plotwise.us/v1/me");
    vi.stubEnv("PLOTWISE_BASE_URL", "https://staging.example/base/");
    expect(await asked({})).toBe("https://staging.example/base/v1/me");
    expect(await asked({ baseURL: "http://127.0.0.1:8080//" })).toBe("http://127.0.0.1:8080/v1/me");
  });

  test("has to be one", () => {
    for (const bad of ["", "api.plotwise.us", "ftp://example.com", "https://u:p@example.com", "https://example.com?a=1", "https://example.com#a"]) {
      expect(() => new Plotwise({ apiKey: key, baseURL: bad }), bad).toThrow("the base URL has to be");
    }
  });
});

describe("requests", () => {
  test("have the parameters in path, query and body", async () => {
    const server = await serve({ json: { data: [], meta: { per_page: 25, next_cursor: null } } });
    const client = newClient(server.url);
    await client.permits.list({
      scope: "all", status: ["In Review", "a&b=c"], near: "27.9,-82.4", radius_m: 1000, q: "heron ü", state: undefined as never,
    });
    await client.events.list({ types: ["permit.fee_changed", "permit.status_changed"], after: 0 });
    await client.notes.create(uuid, { body: "Call them ü" });
    await client.conditions.listPermits("a/b?c");
    await client.deliveries.retry("dlv_1");
    expect(server.requests.map((r) => `${r.method} ${r.url} ${r.body}`.trim())).toEqual([
      "GET /v1/permits?scope=all&status=In%20Review&status=a%26b%3Dc&near=27.9%2C-82.4&radius_m=1000&q=heron%20%C3%BC",
      "GET /v1/events?types=permit.fee_changed,permit.status_changed&after=0",
      `POST /v1/permits/${uuid}/notes {"body":"Call them ü"}`,
      "GET /v1/conditions/a%2Fb%3Fc/permits",
      "POST /v1/deliveries/dlv_1/retry",
    ]);
    expect(server.requests.map((r) => r.headers["content-type"])).toEqual([undefined, undefined, "application/json", undefined, undefined]);
  });

  test("never go to another path than the method's", async () => {
    const server = await serve(ok);
    for (const id of ["", ".", "..", undefined, 7]) {
      const error = await thrown(() => newClient(server.url).watchlist.remove(id as string));
      expect(error, String(id)).toBeInstanceOf(PlotwiseError);
      expect(error.message, String(id)).toContain("permit_uuid has to be an id");
    }
    expect(server.requests).toEqual([]);
  });

  test("have the headers of the client, and over them those of the call", async () => {
    const server = await serve({ status: 204 });
    const client = newClient(server.url, { headers: { "X-Gateway": "1", "X-Team": "a" } });
    await client.notes.delete("note_1", { headers: { "x-team": "b" }, ifMatch: '"v3"' });
    const { headers } = server.requests[0]!;
    expect(headers).toMatchObject({ authorization: `Bearer ${key}`, "x-gateway": "1", "x-team": "b", "if-match": '"v3"' });
  });

  test("refuse headers that cannot be, without saying them", async () => {
    const error = await thrown(() => newClient("http://127.0.0.1:1").notes.get("1", { headers: { "X-Gateway": "a\nsecret" } }));
    expect(error).toBeInstanceOf(PlotwiseError);
    expect(error.message).toContain("X-Gateway");
    expect(error.message).not.toContain("secret");
  });

  test("can be sent by another transport", async () => {
    const calls: [string, RequestInit][] = [];
    const transport: typeof fetch = async (input, init) => {
      calls.push([String(input), init!]);
      return Response.json({ data: { id: "note_1" } });
    };
    expect((await newClient("https://api.example", { fetch: transport }).notes.get("note_1")).id).toBe("note_1");
    expect(calls[0]![0]).toBe("https://api.example/v1/notes/note_1");
    expect(calls[0]![1].redirect).toBe("manual");
  });
});

describe("the user agent", () => {
  test("names library and runtime, and what is put behind", async () => {
    const server = await serve(ok);
    await newClient(server.url).notes.get("1");
    await newClient(server.url, { userAgentSuffix: "crm/2.1" }).notes.get("1");
    const name = `plotwise-typescript/${version} node/${process.versions.node}`;
    expect(server.requests.map((r) => r.headers["user-agent"])).toEqual([name, `${name} crm/2.1`]);
  });

  test("knows other runtimes, and leaves that of browsers alone", () => {
    const process = { versions: { node: "24.1.0" } };
    const library = `plotwise-typescript/${version}`;
    expect(userAgent("", { process, Deno: { version: { deno: "2.5.0" } } })).toBe(`${library} deno/2.5.0`);
    expect(userAgent("", { process, Bun: { version: "1.3.0" } })).toBe(`${library} bun/1.3.0`);
    expect(userAgent("", { process, navigator: { userAgent: "Cloudflare-Workers" } })).toBe(`${library} cloudflare-workers`);
    expect(userAgent("", { process, navigator: { userAgent: "Node.js/24" } })).toBe(`${library} node/24.1.0`);
    expect(userAgent("crm/2.1", {})).toBe(`${library} unknown crm/2.1`);
    expect(userAgent("crm/2.1", { navigator: { userAgent: "Mozilla/5.0" }, document: {} })).toBe("");
  });
});

describe("results", () => {
  test("are data, or with the raw answer", async () => {
    const server = await serve({ json: { data: { id: "note_1", body: "a" } }, headers: { ETag: '"v1"' } });
    const call = newClient(server.url).notes.get("note_1");
    expect(call).toBeInstanceOf(APIPromise);
    const { data, response, request_id } = await call.withResponse();
    expect(await call).toBe(data);
    expect(data).toEqual({ id: "note_1", body: "a" });
    expect(response.status).toBe(200);
    expect(response.headers.get("etag")).toBe('"v1"');
    expect(request_id).toBe("req_1");
    expect(server.requests.length).toBe(1);
  });

  test("are nothing where there is nothing", async () => {
    const server = await serve({ status: 204 });
    expect(await newClient(server.url).notes.delete("note_1")).toBeUndefined();
  });

  test("of lists without pages have data and meta", async () => {
    const answer = { data: [{ requests: 1 }], meta: { time_zone: "UTC" } };
    const server = await serve({ json: answer });
    expect(await newClient(server.url).usage.list()).toEqual(answer);
  });

  test("are promises in every way", async () => {
    const server = await serve(ok, { status: 404 });
    const client = newClient(server.url);
    let settled = 0;
    expect(await Promise.all([client.notes.get("1").then((n) => n.id).finally(() => settled++)])).toEqual(["note_1"]);
    expect(await client.notes.get("1").finally(() => settled++).catch((e) => e.status)).toBe(404);
    expect(settled).toBe(2);
    expect(String(client.notes.get("1").catch(() => 1))).toBe("[object Promise]");
  });
});

describe("the log", () => {
  test("gets each attempt", async () => {
    const entries: LogEntry[] = [];
    const log = (entry: LogEntry) => {
      entries.push(entry);
      throw new Error("a log that fails");
    };
    const server = await serve({ status: 503, headers: { "Retry-After": "2" } }, hangUp, ok);
    await newClient(server.url, { log }).notes.create(uuid, { body: "private" });
    expect(entries.map(({ failure, ...entry }) => entry)).toEqual([
      { method: "POST", path: `/v1/permits/${uuid}/notes`, attempt: 1, duration_ms: 0, status: 503, request_id: "req_1", wait_ms: 2000 },
      { method: "POST", path: `/v1/permits/${uuid}/notes`, attempt: 2, duration_ms: 0, wait_ms: 1000 },
      { method: "POST", path: `/v1/permits/${uuid}/notes`, attempt: 3, duration_ms: 0, status: 200, request_id: "req_1" },
    ]);
    expect(entries[1]!.failure).toMatch(/^POST .*: .+/);
    expect(entries[0]!.failure).toBeUndefined();
    expect(JSON.stringify(entries)).not.toMatch(/private|pw_live/);
  });

  test("gets the last failure, and what was cancelled", async () => {
    const entries: LogEntry[] = [];
    const client = newClient(await closedPort(), { log: (entry) => entries.push(entry), maxRetries: 0 }, new Clock());
    await thrown(() => client.permits.list({ q: "private" }));
    await thrown(() => client.permits.list({}, { signal: AbortSignal.abort() }));
    expect(entries.map(({ path, attempt, status, wait_ms }) => [path, attempt, status, wait_ms])).toEqual([
      ["/v1/permits", 1, undefined, undefined],
      ["/v1/permits", 1, undefined, undefined],
    ]);
    expect(entries[0]!.failure).toContain("ECONNREFUSED");
    expect(entries[1]!.failure).toBe("GET /v1/permits: cancelled");
  });
});

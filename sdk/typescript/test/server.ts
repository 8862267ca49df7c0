import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { Plotwise, type ClientOptions } from "../src/index.js";
import { type System, system } from "../src/platform.js";

export const key = "pw_live_000000000000000000000000000000000000";

export interface Received {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** An answer, or what to do with the connection instead. */
export type Answer =
  | { status?: number; headers?: Record<string, string>; json?: unknown; text?: string }
  | ((request: IncomingMessage, response: ServerResponse) => void);

export interface Server {
  url: string;
  requests: Received[];
}

/** Starts a server that gives the answers in turn, and the last one from then on. */
export async function serve(...answers: Answer[]): Promise<Server> {
  const requests: Received[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) {
      body += chunk;
    }
    requests.push({ method: request.method!, url: request.url!, headers: request.headers, body });
    const answer = answers[Math.min(requests.length, answers.length) - 1]!;
    if (typeof answer === "function") {
      return answer(request, response);
    }
    const { status = 200, headers = {}, json, text } = answer;
    response.writeHead(status, { "Content-Type": json === undefined ? "text/html" : "application/json", "X-Request-Id": "req_1", ...headers });
    response.end(text ?? (json === undefined ? "" : JSON.stringify(json)));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

/** A port that nothing listens on. */
export async function closedPort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return `http://127.0.0.1:${port}`;
}

/** A clock that only waiting moves, and a chance that is always the same. */
export class Clock implements System {
  time = Date.parse("2026-01-23T10:45:00Z");
  waits: number[] = [];
  chance = 1;

  now = () => this.time;
  random = () => this.chance;
  sleep = (ms: number, signal?: AbortSignal) => {
    this.waits.push(ms);
    this.time += ms;
    return system.sleep(0, signal);
  };
}

export function newClient(url: string, options: ClientOptions = {}, clock: System = new Clock()): Plotwise {
  return new Plotwise({ apiKey: key, baseURL: url, ...options }, clock);
}

/** The body of an error of the API. */
export const problem = (code: string, message = "no") => ({
  error: { code, message, request_id: "req_1", doc_url: `https://api.plotwise.us/docs/errors#${code}`, details: [] },
});

/** What is thrown; it fails when nothing is. */
export async function thrown<T extends Error = Error>(run: () => unknown): Promise<T> {
  try {
    await run();
  } catch (error) {
    return error as T;
  }
  throw new Error("nothing was thrown");
}

/** Cuts the connection. */
export const hangUp: Answer = (request) => request.socket.destroy();

/** Sends half of what it announced. */
export const truncate: Answer = (request, response) => {
  response.writeHead(200, { "Content-Type": "application/json", "Content-Length": "1000" });
  response.write('{"data": [', () => request.socket.destroy());
};

/** Never answers. */
export const silence: Answer = () => undefined;

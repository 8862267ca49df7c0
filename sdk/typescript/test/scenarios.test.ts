import { EventEmitter, once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { APIError, Plotwise, webhooks } from "../src/index.js";
import type { WebhookHeaders } from "../src/webhooks.js";
import { call, readList } from "./call.js";
import { thrown } from "./server.js";

/** A step of sdk/scenarios.yaml, which says at its top what each field means. */
interface Step {
  call?: string;
  with?: Record<string, unknown>;
  all?: boolean;
  count?: number;
  at_least?: number;
  begins?: string;
  save?: Record<string, string>;
  expect?: Record<string, unknown>;
  fails?: { status?: number; code?: string; type?: string };
  key?: string;
  if_match?: string | null;
  received?: string;
  secret?: string;
}

const { PLOTWISE_SDK_BASE_URL: baseURL, PLOTWISE_SDK_API_KEY: apiKey } = process.env;

describe("scenarios", { timeout: 120_000 }, () => {
  if (!baseURL) {
    test.skip("PLOTWISE_SDK_BASE_URL is not set: it names the server that they run against");
    return;
  }
  for (const { name, steps } of readList<{ name: string; steps: Step[] }>("scenarios.yaml")) {
    test(name, async () => {
      const receiver = await receive();
      const names: Record<string, unknown> = { receiver: receiver.url, soon: new Date(Date.now() + 3_600_000).toISOString() };
      for (const [i, step] of steps.entries()) {
        const label = `step ${i + 1}, ${step.call ?? `received ${step.received}`}`;
        await run(step, names, receiver, label);
      }
    });
  }
});

async function run(step: Step, names: Record<string, unknown>, receiver: Receiver, label: string) {
  if (step.received) {
    return check(step, await receiver.event(step.received, fill(step.secret, names) as string), names, label);
  }
  const client = new Plotwise({ baseURL, apiKey: step.key ? (fill(step.key, names) as string) : apiKey });
  const options = step.if_match === undefined ? {} : { ifMatch: fill(step.if_match ?? "*", names) };
  const made = call(client, step.call!, (fill(step.with ?? {}, names) as Record<string, unknown>), options, step.all);
  if (step.fails) {
    const error = await thrown<APIError>(() => made);
    const { status, code, type } = step.fails;
    expect(error, label).toMatchObject({ ...(status && { status }), ...(code && { code }), ...(type && { name: type }) });
    return;
  }
  try {
    check(step, await made, names, label);
  } catch (error) {
    throw error instanceof APIError ? new Error(`${label}: ${error.name}: ${error.message}`) : error;
  }
}

function check(step: Step, result: unknown, names: Record<string, unknown>, label: string) {
  for (const [name, pointer] of Object.entries(step.save ?? {})) {
    names[name] = at(result, pointer);
    expect(names[name], `${label}: ${pointer}`).toBeDefined();
  }
  for (const [pointer, want] of Object.entries(step.expect ?? {})) {
    expect(at(result, pointer), `${label}: ${pointer}`).toEqual(fill(want, names));
  }
  if (step.begins !== undefined) {
    expect((result as string).slice(0, step.begins.length), label).toBe(step.begins);
  }
  const items = (result as { data?: unknown[] } | undefined)?.data?.length;
  if (step.count !== undefined) {
    expect(items, label).toBe(step.count);
  }
  if (step.at_least !== undefined) {
    expect(items, label).toBeGreaterThanOrEqual(step.at_least);
  }
}

// at returns the value at a JSON pointer.
function at(value: unknown, pointer: string): unknown {
  return pointer
    .split("/")
    .slice(1)
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce((inner: any, token) => inner?.[token], value);
}

// fill puts in what was saved: $name as it is, ${name} within a longer text.
function fill(value: unknown, names: Record<string, unknown>): unknown {
  if (Array.isArray(value)) {
    return value.map((v) => fill(v, names));
  }
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, v]) => [name, fill(v, names)]));
  }
  if (typeof value !== "string") {
    return value;
  }
  const known = (name: string) => {
    expect(names, `$${name} is saved by no step before`).toHaveProperty(name);
    return names[name];
  };
  const whole = /^\$(\w+)$/.exec(value);
  return whole ? known(whole[1]!) : value.replace(/\$\{(\w+)\}/g, (_, name: string) => String(known(name)));
}

interface Receiver {
  url: string;
  /** Waits for an event of a type, and verifies it. Each is given once. */
  event(type: string, secret: string): Promise<unknown>;
}

async function receive(): Promise<Receiver> {
  const messages: { body: Buffer; headers: WebhookHeaders }[] = [];
  const arrived = new EventEmitter();
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) {
      chunks.push(chunk);
    }
    messages.push({ body: Buffer.concat(chunks), headers: request.headers });
    response.writeHead(204).end();
    arrived.emit("message");
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async event(type, secret) {
      for (;;) {
        const found = messages.findIndex(({ body }) => JSON.parse(body.toString()).event === type);
        if (found >= 0) {
          const { body, headers } = messages.splice(found, 1)[0]!;
          return webhooks.verify(body, headers, secret);
        }
        await once(arrived, "message", { signal: AbortSignal.timeout(30_000) });
      }
    },
  };
}

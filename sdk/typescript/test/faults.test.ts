import { describe, test } from "vitest";
import { APIError, Plotwise } from "../src/index.js";
import { call, readList } from "./call.js";

/** A line of sdk/faults.yaml, which says at its top what each field means. */
interface Fault {
  fault: string;
  call: string;
  with?: Record<string, unknown>;
  attempts: number;
  keys?: number;
  succeeds?: boolean;
  error?: string;
}

const { PLOTWISE_SDK_PROXY_URL: baseURL, PLOTWISE_SDK_API_KEY: apiKey } = process.env;

describe("faults", { timeout: 60_000 }, () => {
  if (!baseURL) {
    test.skip("PLOTWISE_SDK_PROXY_URL is not set: it names the proxy that makes them");
    return;
  }
  // They wait most of the time.
  test.concurrent.for(readList<Fault>("faults.yaml"))("$fault: $call", async (fault, { expect }) => {
    const id = crypto.randomUUID();
    const client = new Plotwise({ baseURL, apiKey, timeoutMs: 1000, maxRetries: 2, headers: { "X-Fault": fault.fault, "X-Fault-Id": id } });
    const came = await call(client, fault.call, fault.with ?? {}, {}).then(
      () => "success",
      (error: Error) => [error.name, error instanceof APIError ? error.code : ""],
    );
    if (fault.succeeds) {
      expect(came).toBe("success");
    } else {
      expect(came).toContain(fault.error);
    }
    const answer = await fetch(`${baseURL}/faults/${id}`);
    const counted = (await answer.json()) as { attempts: number; keys: string[] };
    expect(counted.attempts).toBe(fault.attempts);
    if (fault.keys !== undefined) {
      expect(counted.keys).toHaveLength(fault.keys);
    }
  });
});

import { version } from "./generated/version.js";

/** What is asked of the platform, by the names that it may have. */
export interface Platform {
  process?: { env?: Record<string, string | undefined>; versions?: { node?: string } };
  Deno?: { version: { deno: string } };
  Bun?: { version: string };
  navigator?: { userAgent?: string };
  document?: unknown;
}

const here = globalThis as Platform;

/** Returns a variable of the environment; undefined where there is none. */
export function environment(name: string): string | undefined {
  return here.process?.env?.[name] || undefined;
}

/** Returns the user agent; "" in browsers, whose own it is. */
export function userAgent(suffix: string, platform = here): string {
  const runtime = runtimeName(platform);
  return runtime && `plotwise-typescript/${version} ${runtime} ${suffix}`.trim();
}

function runtimeName({ Deno, Bun, navigator, process, document }: Platform): string {
  if (Deno) {
    return `deno/${Deno.version.deno}`;
  }
  if (Bun) {
    return `bun/${Bun.version}`;
  }
  if (navigator?.userAgent === "Cloudflare-Workers") {
    return "cloudflare-workers";
  }
  if (process?.versions?.node) {
    return `node/${process.versions.node}`;
  }
  return document || navigator ? "" : "unknown";
}

/** Time and chance, which tests make their own. */
export interface System {
  now(): number;
  random(): number;
  /** Resolves after a time; rejects with the signal's reason when it is aborted before. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const system: System = {
  now: Date.now,
  random: Math.random,
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const abort = () => {
        clearTimeout(timer);
        reject(signal!.reason);
      };
      if (signal?.aborted) {
        return reject(signal.reason);
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", abort);
        resolve();
      }, ms);
      signal?.addEventListener("abort", abort, { once: true });
    }),
};

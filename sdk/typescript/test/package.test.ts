import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { describe, expect, test, onTestFinished } from "vitest";
import { generate } from "../scripts/generate.js";
import { version } from "../src/index.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string) => readFileSync(join(root, path), "utf8");

test("the types are those of the specification", { timeout: 60_000 }, async () => {
  expect(await generate(read("../../gen/openapi.json"))).toBe(read("src/generated/schema.ts"));
});

test("the version is everywhere the same", () => {
  expect(JSON.parse(read("package.json")).version).toBe(version);
  expect(JSON.parse(read("package-lock.json")).version).toBe(version);
});

test("there is nothing to install besides", () => {
  const { dependencies, peerDependencies } = JSON.parse(read("package.json"));
  expect([dependencies, peerDependencies]).toEqual([undefined, undefined]);
});

test("all of it is under 12 KB, and needs no module of Node", async () => {
  // platform: browser makes an import of node:… an error.
  const { outputFiles } = await build({
    entryPoints: [join(root, "src/index.ts")], bundle: true, minify: true, format: "esm", target: "es2022", platform: "browser", write: false,
  });
  const text = outputFiles[0]!.text;
  expect(text).not.toMatch(/require\(|from ?"/);
  expect(gzipSync(text, { level: 9 }).length).toBeLessThan(12_000);
});

describe("the package", { timeout: 120_000 }, () => {
  const run = (folder: string, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
    expect(status, stdout + stderr).toBe(0);
    return stdout;
  };

  // It is used as others do: from a project of their own that has it in node_modules.
  test("is found by import, by require and by their types", () => {
    run(root, "scripts/build.js");
    const project = mkdtempSync(join(tmpdir(), "plotwise-"));
    onTestFinished(() => rmSync(project, { recursive: true }));
    mkdirSync(join(project, "node_modules"));
    symlinkSync(root, join(project, "node_modules/plotwise"));
    writeFileSync(join(project, "a.mjs"), 'import P, { Plotwise, webhooks } from "plotwise"; console.log(P === Plotwise, typeof webhooks.verify);');
    writeFileSync(join(project, "a.cjs"), 'const { Plotwise, webhooks } = require("plotwise"); console.log(typeof Plotwise, typeof webhooks.verify);');
    expect(run(project, "a.mjs")).toBe("true function\n");
    expect(run(project, "a.cjs")).toBe("function function\n");

    const examples = [...read("README.md").matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code!);
    expect(examples.length).toBeGreaterThan(6);
    examples.forEach((code, i) => writeFileSync(join(project, `readme${i}.mts`), example(code)));
    writeFileSync(join(project, "use.mts"), usage);
    writeFileSync(join(project, "use.cts"), usage);
    const compiler = join(root, "node_modules/typescript/lib/tsc.js");
    const options = ["--noEmit", "--strict", "--target", "ES2022", "--lib", "ES2022,DOM"];
    run(project, compiler, ...options, "--module", "Node16", "use.mts", "use.cts", ...examples.map((_, i) => `readme${i}.mts`));
    run(project, compiler, ...options, "--module", "ESNext", "--moduleResolution", "Bundler", "--exactOptionalPropertyTypes", "use.mts");
  });
});

// example is a piece of the README as a module that compiles: what it leaves to its reader is declared.
function example(code: string): string {
  const given = { client: "Plotwise", uuid: "string", id: "string", apiKey: "string", secret: "string" };
  const declared = Object.entries(given).filter(([name]) => !code.includes(`const ${name} =`) && new RegExp(`\\b${name}\\b`).test(code));
  const plotwise = /import .*Plotwise\b/.test(code) ? "" : 'import { Plotwise } from "plotwise";\n';
  const last = code.includes("lastNumber") ? "declare let lastNumber: number;\n" : "";
  const body = code.includes("return null") ? code.replace(/try {.*/s, (rest) => `async function read() {\n${rest}}\nread();\n`) : code;
  return plotwise + last + declared.map(([name, type]) => `declare const ${name}: ${type};\n`).join("") + body;
}

// A mistake in it would not compile, and each @ts-expect-error has to be one.
const usage = `
import { APIError, Plotwise, webhooks, type Event, type Permit } from "plotwise";

const client = new Plotwise({ apiKey: "pw_live_x", timeoutMs: 1000 });

export async function use(body: string, headers: Record<string, string>): Promise<number> {
  for await (const permit of client.permits.list({ scope: "all", stage: ["in_review"] })) {
    const shown: string = permit.valuation ? permit.valuation.amount ?? "" : permit.permit_number;
    console.log(shown);
  }
  const page = await client.permits.list();
  const first: Permit | undefined = page.data[0];
  const { data, response } = await client.notes.create("uuid", { body: "Call them" }, { idempotencyKey: "k" }).withResponse();
  await client.notes.update(data.id, { body: "Called them" }, { ifMatch: response.headers.get("etag") ?? "" });
  for await (const event of client.events.stream()) {
    const one: Event = event;
    if (one.payload.event === "permit.status_changed") {
      console.log(one.payload.data.new_status.length);
    }
    break;
  }
  const event = await webhooks.verify(body, headers, "secret");
  switch (event.event) {
    case "permit.fee_changed":
      console.log(event.data.change === "added");
      break;
    case "permit.inspection_scheduled":
      console.log(event.data.inspection.scheduled_date);
  }
  // @ts-expect-error there is no such scope
  await client.permits.list({ scope: "none" });
  // @ts-expect-error a format is needed
  await client.permits.export();
  // @ts-expect-error a GET has no key
  await client.notes.get("1", { idempotencyKey: "k" });
  const error: unknown = new Error();
  if (error instanceof APIError && error.code === "not_found") {
    return error.status;
  }
  return first ? 1 : 0;
}
`;

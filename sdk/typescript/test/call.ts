import { readFileSync } from "node:fs";
import { parse } from "yaml";
import type { Plotwise } from "../src/index.js";
import { Page } from "../src/index.js";
import { methods } from "./generated/methods.js";

/** Reads a list from a file that all SDKs share. */
export function readList<T>(name: string): T[] {
  return parse(readFileSync(new URL(`../../${name}`, import.meta.url), "utf8")) ?? [];
}

/**
 * Calls a method by its name in Python, with arguments by their names in the specification. A page or a list comes as
 * { data, meta }, or with the items of all pages; a file as its text.
 */
export async function call(client: Plotwise, name: string, given: Record<string, unknown>, options: object, all = false): Promise<unknown> {
  const m = methods[name];
  if (!m) {
    throw new Error(`there is no method ${name}`);
  }
  const { ...rest } = given;
  const args: unknown[] = m.ids.map((id) => {
    const value = rest[id];
    delete rest[id];
    return value;
  });
  if (m.object) {
    args.push(rest);
  } else if (Object.keys(rest).length > 0) {
    throw new Error(`${name} does not take ${Object.keys(rest).join(", ")}`);
  }
  const resource = (client as unknown as Record<string, Record<string, (...args: unknown[]) => PromiseLike<unknown>>>)[m.resource]!;
  const result = resource[m.method]!(...args, options);
  if (all && m.result === "pages") {
    const data: unknown[] = [];
    for await (const item of result as unknown as AsyncIterable<unknown>) {
      data.push(item);
    }
    return { data };
  }
  const value = await result;
  if (value instanceof Page) {
    return { data: value.data, meta: value.meta };
  }
  return value instanceof Response ? value.text() : value;
}

export * from "./errors.js";
export { APIPromise, Page, PagePromise, type WithResponse } from "./page.js";
export { Plotwise, Plotwise as default } from "./client.js";
export * as webhooks from "./webhooks.js";
export type * from "./generated/resources.js";
export type * from "./generated/schema.js";
export type * from "./options.js";
export { version } from "./generated/version.js";

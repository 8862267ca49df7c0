import { Resources } from "./generated/resources.js";
import type { ClientOptions } from "./options.js";
import { system } from "./platform.js";
import { Transport } from "./transport.js";

/** A client of the Plotwise API. */
export class Plotwise extends Resources {
  /** Fails with PlotwiseError without an API key, and for options that cannot be. The second argument is for tests. */
  constructor(options: ClientOptions = {}, clock = system) {
    super(new Transport(options, clock));
  }
}

import type { Event, EventList, ListEventsParams } from "./generated/schema.js";
import type { RequestOptions } from "./options.js";
import type { Transport } from "./transport.js";

const waitSeconds = 20;

// An answer without events that comes sooner than this did not wait: a server that stops answers so.
const shortestMs = 1_000;

/** Goes through the feed, for ever; the server is asked again after the last event's number. */
export async function* follow(
  transport: Transport,
  list: (params: ListEventsParams, options?: RequestOptions) => PromiseLike<EventList>,
  params: ListEventsParams,
  options?: RequestOptions,
): AsyncGenerator<Event, never, undefined> {
  let { after } = params;
  for (;;) {
    const asked = transport.now();
    const { data, meta } = await list({ wait: waitSeconds, ...params, ...(after !== undefined && { after }) }, options);
    yield* data;
    after = meta.next_after;
    if (data.length === 0) {
      await transport.pause(asked, shortestMs, options?.signal);
    }
  }
}

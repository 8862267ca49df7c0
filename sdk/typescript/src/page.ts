import type { PageMeta } from "./generated/schema.js";

/** What came of a call, with the raw answer. */
export interface WithResponse<T> {
  data: T;
  /** The answer: its status and headers. Its body is read already, unless it is a file. */
  response: Response;
  /** The request's id, to quote to support. */
  request_id: string;
}

/** A call that is on its way: await it, or ask for the raw answer too. */
export class APIPromise<T> implements Promise<T> {
  readonly [Symbol.toStringTag] = "APIPromise";
  readonly #answer: Promise<WithResponse<T>>;

  constructor(answer: Promise<WithResponse<T>>) {
    this.#answer = answer;
  }

  /** Resolves to the result together with the raw answer. */
  withResponse(): Promise<WithResponse<T>> {
    return this.#answer;
  }

  then<A = T, B = never>(
    fulfilled?: ((data: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: any) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#answer.then(({ data }) => data).then(fulfilled, rejected);
  }

  catch<B = never>(rejected?: ((reason: any) => B | PromiseLike<B>) | null): Promise<T | B> {
    return this.then(undefined, rejected);
  }

  finally(settled?: (() => void) | null): Promise<T> {
    return this.then().finally(settled);
  }
}

/** A page of a list. Iterating over it goes through its items, and those of all pages that follow. */
export class Page<T> implements AsyncIterable<T> {
  readonly data: T[];
  readonly meta: PageMeta;
  readonly #next: (cursor: string) => PagePromise<T>;

  constructor(envelope: { data: T[]; meta: PageMeta }, next: (cursor: string) => PagePromise<T>) {
    this.data = envelope.data;
    this.meta = envelope.meta;
    this.#next = next;
  }

  hasNextPage(): boolean {
    return Boolean(this.meta.next_cursor);
  }

  /** Fetches the page that follows; null at the end. */
  async getNextPage(): Promise<Page<T> | null> {
    return this.meta.next_cursor ? this.#next(this.meta.next_cursor) : null;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (let page: Page<T> | null = this; page; page = await page.getNextPage()) {
      yield* page.data;
    }
  }
}

/** A list that is on its way: await its first page, or iterate over all of its items. */
export class PagePromise<T> extends APIPromise<Page<T>> implements AsyncIterable<T> {
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    yield* await this;
  }
}

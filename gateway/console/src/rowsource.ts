import type { Rollcall, Row, RowPage } from "../../client/ts/src/index.js";

export interface Wanted {
  statuses: string[];
  code: string;
  search: string;
}

// The first page is there at once; the others are as large as the server sends them.
const firstPage = 100;
const page = 1000;

/** The rows of a job that a filter lets through, page by page behind a cursor. */
export class RowSource {
  readonly rows: Row[] = [];
  done = false;
  /** What the server said of all rows, whatever the filter. */
  known: RowPage | undefined;
  #cursor: string | undefined;
  #loading: Promise<void> | undefined;
  #closed = false;
  #upTo = 0;

  constructor(readonly client: Rollcall, readonly job: string, readonly wanted: Wanted) {}

  /** How many rows there are, as far as it is known. */
  get count(): number {
    if (this.done || !this.known) return this.rows.length;
    const { statuses, code, search } = this.wanted;
    const all = statuses.length ? statuses.reduce((n, s) => n + (this.known!.counts[s] ?? 0), 0) : this.known.total;
    return code || search ? this.rows.length : Math.max(all, this.rows.length);
  }

  /** Loads rows until there is one more than an index, or there are no more; a step after each page. */
  ensure(index: number, step: () => void): Promise<void> {
    this.#upTo = Math.max(this.#upTo, index);
    // Each step may ask for more: one loop serves all who ask.
    return (this.#loading ??= this.#loadAll(step).finally(() => (this.#loading = undefined)));
  }

  close(): void {
    this.#closed = true;
  }

  async #loadAll(step: () => void): Promise<void> {
    while (!this.#closed && !this.done && this.rows.length <= this.#upTo) {
      await this.#load();
      if (!this.#closed) step();
    }
  }

  async #load(): Promise<void> {
    const { statuses, code, search } = this.wanted;
    const got = await this.client.rows(this.job, {
      statuses, codes: code ? [code] : [], search, limit: this.#cursor ? page : firstPage,
      ...(this.#cursor && { cursor: this.#cursor }),
    });
    this.known = got;
    this.rows.push(...got.rows);
    this.#cursor = got.next_cursor;
    this.done = !got.next_cursor;
  }
}

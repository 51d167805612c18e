import type { Rollcall, Row, RowHistory } from "../../client/ts/src/index.js";
import { h } from "./dom.ts";
import { say, sayCount, strings, wordFor } from "./strings.ts";

const text = strings.fix;

/** The cells of a row as they were uploaded, and as the person corrects them. */
interface Fix {
  cells: Map<string, string>;
  edited: Map<string, string>;
}

/** Rows that are corrected in the table. The cells of a row come when it is seen first. */
export class Fixes {
  readonly #fixes = new Map<number, Fix>();
  readonly #queue = new Set<number>();
  #fields: string[] = [];
  #working = false;
  #closed = false;

  constructor(readonly client: Rollcall, readonly job: string, readonly changed: (cellsCame: boolean) => void,
    readonly failed: (e: Error) => void) {}

  /** The fields of the file, once the first row has come. */
  get fields(): readonly string[] {
    return this.#fields;
  }

  /** How many rows have a cell that is another one now. */
  get count(): number {
    return this.#edited().length;
  }

  close(): void {
    this.#closed = true;
  }

  /** The cells of a row of the table, to be filled in. */
  cells(row: Row, next: (field: string, by: number) => void): HTMLElement[] {
    const fix = this.#fixes.get(row.row);
    if (!fix) {
      this.#queue.add(row.row);
      void this.#load();
      return [h("span", { role: "gridcell", class: "hint" }, strings.job.fetching)];
    }
    return this.#fields.map((field) => {
      const input = h("input", {
        type: "text", "data-fix": field, autocomplete: "off", spellcheck: "false",
        "aria-label": say(text.cell, { field: wordFor(strings.fields, field) ?? field, row: String(row.row) }),
        class: fix.edited.has(field) ? "edited" : null,
        oninput: () => {
          if (input.value === fix.cells.get(field)) fix.edited.delete(field);
          else fix.edited.set(field, input.value);
          input.classList.toggle("edited", fix.edited.has(field));
          this.changed(false);
        },
        onkeydown: (e: Event) => {
          const by = { Enter: 1, ArrowDown: 1, ArrowUp: -1 }[(e as KeyboardEvent).key];
          if (!by) return;
          e.preventDefault();
          next(field, by);
        },
      });
      input.value = fix.edited.get(field) ?? fix.cells.get(field) ?? "";
      return h("span", { role: "gridcell" }, input);
    });
  }

  /** Makes a roll of the corrected rows. Its headers are the names of the fields. */
  file(name: string): File {
    const lines = this.#edited().map(([, fix]) => this.#fields.map((f) => fix.edited.get(f) ?? fix.cells.get(f) ?? ""));
    const csv = [this.#fields, ...lines].map((line) => line.map(quote).join(",") + "\r\n").join("");
    return new File(["\ufeff" + csv], sayCount(text.fileName, lines.length, { name: name.replace(/\.[^.]+$/, "") }), { type: "text/csv" });
  }

  #edited(): [number, Fix][] {
    return [...this.#fixes].filter(([, fix]) => fix.edited.size > 0).sort(([a], [b]) => a - b);
  }

  // One row at a time: what a person may read at once is bounded.
  async #load(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    try {
      for (const n of this.#queue) {
        if (this.#closed) return;
        this.#queue.delete(n);
        if (!this.#fixes.has(n)) this.#take(await this.client.row(this.job, n));
      }
    } catch (e) {
      this.#queue.clear();
      this.failed(e as Error);
    } finally {
      this.#working = false;
    }
  }

  #take(row: RowHistory): void {
    const cells = new Map(row.cells.flatMap((c) => (c.field ? [[c.field, c.text] as const] : [])));
    const more = [...cells.keys()].filter((f) => !this.#fields.includes(f));
    this.#fields.push(...more);
    this.#fixes.set(row.row, { cells, edited: new Map() });
    this.changed(true);
  }
}

const quote = (cell: string) => `"${cell.replaceAll('"', '""')}"`;

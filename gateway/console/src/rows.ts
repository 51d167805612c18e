import type { Rollcall, RollcallError, Row } from "../../client/ts/src/index.js";
import { copyText, fill, h, save } from "./dom.ts";
import { Fixes } from "./fixes.ts";
import { count } from "./format.ts";
import { Grid } from "./grid.ts";
import { Passport } from "./passport.ts";
import { RowSource } from "./rowsource.ts";
import { tell } from "./problem.ts";
import { locales, say, sayCount, strings, wordFor } from "./strings.ts";

const text = strings.rows;
// What somebody can correct and send again.
const toFix = ["invalid", "duplicate", "out_of_area", "refused", "unknown"];
const sorts: Record<string, (row: Row) => string | number> = {
  row: (r) => r.row, status: (r) => statusOf(r.status), id: (r) => r.id, name: (r) => r.name,
};
// Milliseconds after the last key of a search.
const pause = 250;

interface Owner {
  fileName(): string;
  mayFix(): boolean;
  /** Goes on with a file of corrected rows. */
  follow(file: File): void;
}

/** The rows of a job: filters, search, order, each row's passport, and rows that are corrected in place. */
export class RowsView {
  readonly #chips = h("div", { class: "chips", role: "group", "aria-label": text.filter });
  readonly #code = h("select", { id: "row-code", onchange: () => this.#reload() });
  readonly #search = h("input", {
    type: "search", id: "row-search", autocomplete: "off", maxlength: 100, oninput: () => this.#searchSoon(),
  });
  readonly #note = h("p", { class: "hint", role: "status" });
  readonly #error = h("p", { class: "error", role: "alert" });
  readonly #copy = h("button", { type: "button", onclick: () => void this.#copyRows() }, text.copy);
  readonly #csv = h("button", { type: "button", onclick: () => void this.#saveCSV() }, text.csv);
  readonly #fix = h("button", { type: "button", "aria-pressed": "false", onclick: () => this.#toggleFixing() }, text.fix);
  readonly #corrected = h("p", { role: "status" });
  readonly #sendButton = h("button", { type: "button", class: "primary", onclick: () => this.#sendFixes() }, strings.fix.send);
  readonly #send = h("div", { class: "send", hidden: true }, this.#corrected, this.#sendButton);
  readonly #passport = new Passport();
  readonly #grid: Grid;
  readonly element: HTMLElement;
  #source: RowSource;
  #sorted: Row[] | undefined;
  #sort = "row";
  #down = false;
  #status = "";
  #codes = new Set<string>();
  #timer = 0;
  #fixes: Fixes | undefined;
  #goTo: [i: number, field: string] | undefined;
  #closed = false;

  constructor(readonly client: Rollcall, readonly job: string, readonly owner: Owner) {
    this.#source = this.#newSource();
    this.#grid = new Grid({
      label: text.title, row: (i) => this.#rowElement(i), need: (upTo) => void this.#need(upTo), open: (i) => this.#open(i),
    });
    // The row that was opened may have been made again meanwhile.
    this.#passport.element.addEventListener("close", () => this.#grid.focusActive());
    this.element = h("section", { class: "card rows", "aria-label": text.title },
      h("div", { class: "heading" }, h("h2", {}, text.title),
        h("div", { class: "actions" }, this.#fix, this.#copy, this.#csv)),
      this.#chips,
      h("div", { class: "search" },
        h("div", { class: "field" }, h("label", { for: this.#search.id }, text.search), this.#search),
        h("div", { class: "field" }, h("label", { for: this.#code.id }, text.code), this.#code)),
      this.#note, this.#error, this.#grid.element, this.#send, this.#passport.element);
  }

  /** Asks again: something has happened to the job. Whoever corrects rows is not disturbed. */
  refresh(): void {
    if (!this.#fixes) this.#reload(true);
  }

  /** Whether rows are corrected that were not sent. */
  get correcting(): boolean {
    return !!this.#fixes?.count;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#source.close();
    this.#fixes?.close();
    this.#passport.close();
  }

  #newSource(): RowSource {
    const statuses = this.#status === "fix" ? toFix : this.#status ? [this.#status] : [];
    return new RowSource(this.client, this.job, { statuses, code: this.#code.value, search: this.#search.value.trim() });
  }

  #reload(stay = false): void {
    clearTimeout(this.#timer);
    this.#source.close();
    this.#source = this.#newSource();
    this.#sorted = undefined;
    fill(this.#error, "");
    if (!stay) this.#grid.toTop();
    void this.#need(this.#sort === "row" && !this.#down ? 0 : Infinity);
  }

  #searchSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#reload(), pause);
  }

  async #need(upTo: number): Promise<void> {
    const source = this.#source;
    if (source.done || source.rows.length > upTo) return;
    try {
      await source.ensure(upTo, () => source === this.#source && this.#show());
    } catch (e) {
      if (source !== this.#source || this.#closed) return;
      source.close();
      const known = e as RollcallError;
      if (known.code === "cursor_outdated") return this.#reload();
      fill(this.#note, known.code === "not_ready" ? text.notReady : "");
      if (known.code !== "not_ready") tell(this.#error, known);
      this.#grid.setCount(0);
    }
  }

  #show(): void {
    const source = this.#source;
    for (const row of source.rows.slice(-1000)) for (const code of row.codes) this.#codes.add(code);
    const sorting = this.#sort !== "row" || this.#down;
    if (sorting && source.done) this.#sortRows();
    this.#renderChips();
    this.#renderCodes();
    this.#renderHead();
    const n = source.count;
    const more = !source.done && !!(source.wanted.search || source.wanted.code);
    fill(this.#note, sorting && !source.done ? sayCount(text.sorting, source.rows.length)
      : n === 0 && source.done ? text.none : sayCount(more ? text.shownSoFar : text.shown, n) + (source.known?.complete ? "" : ` ${text.soFar}`));
    this.#grid.setCount(more ? n + 1 : n);
    this.#grid.refresh();
  }

  #sortRows(): void {
    const key = sorts[this.#sort]!;
    const compare = new Intl.Collator(locales, { numeric: true }).compare;
    const sign = this.#down ? -1 : 1;
    this.#sorted = this.#source.rows.map((row) => ({ row, by: key(row) })).sort((a, b) => sign *
      (typeof a.by === "number" && typeof b.by === "number" ? a.by - b.by : compare(String(a.by), String(b.by)) ||
        a.row.row - b.row.row)).map(({ row }) => row);
  }

  #sortBy(name: string): void {
    this.#down = this.#sort === name && !this.#down;
    this.#sort = name;
    this.#sorted = undefined;
    this.#grid.toTop();
    if (this.#source.done) this.#show();
    else void this.#need(name === "row" && !this.#down ? 0 : Infinity).then(() => this.#show());
  }

  #renderChips(): void {
    const known = this.#source.known;
    if (!known) return;
    const fix = toFix.reduce((n, s) => n + (known.counts[s] ?? 0), 0);
    const list: [string, string, number][] = [["", text.all, known.total]];
    if (fix > 0) list.push(["fix", text.toFix, fix]);
    for (const status of Object.keys(strings.rowStatus)) {
      const n = known.counts[status] ?? 0;
      if (n > 0) list.push([status, statusOf(status), n]);
    }
    this.#fix.hidden = !fix || !this.owner.mayFix();
    const focused = (document.activeElement as HTMLElement | null)?.dataset?.["status"];
    this.#chips.replaceChildren(...list.map(([status, label, n]) => h("button", {
      type: "button", class: "chip", "data-status": status, "aria-pressed": String(status === this.#status),
      disabled: !!this.#fixes && status !== "fix", onclick: () => this.#filter(status),
    }, label, " ", h("span", { class: "n" }, count(n)))));
    if (focused !== undefined) this.#chips.querySelector<HTMLElement>(`[data-status="${focused}"]`)?.focus();
  }

  #filter(status: string): void {
    this.#status = status;
    this.#reload();
  }

  #renderCodes(): void {
    const chosen = this.#code.value;
    const names = ["", ...[...this.#codes].sort()];
    if (names.length === this.#code.options.length) return;
    this.#code.replaceChildren(...names.map((c) => h("option", { value: c, selected: c === chosen }, c ? nameOf(c) : text.anyCode)));
  }

  #renderHead(): void {
    if (this.#fixes) {
      const { fields } = this.#fixes;
      this.#grid.element.style.setProperty("--fields", String(Math.max(2, fields.length)));
      return this.#grid.setHead(...[text.heads.row, text.heads.reason,
        ...fields.map((f) => wordFor(strings.fields, f) ?? f)].map((name) =>
        h("span", { role: "columnheader" }, name)));
    }
    const focused = (document.activeElement as HTMLElement | null)?.dataset?.["sort"];
    this.#grid.setHead(...Object.entries(text.heads).map(([name, label]) => {
      const by = name === this.#sort ? (this.#down ? "descending" : "ascending") : "none";
      return h("span", { role: "columnheader", class: "c-" + name, "aria-sort": sorts[name] ? by : null }, sorts[name]
        ? h("button", { type: "button", "data-sort": name, onclick: () => this.#sortBy(name) }, label,
          h("span", { "aria-hidden": "true" }, by === "none" ? "" : this.#down ? " ↓" : " ↑")) : label);
    }));
    if (focused) this.#grid.element.querySelector<HTMLElement>(`[data-sort="${focused}"]`)?.focus();
  }

  #rowElement(i: number): HTMLElement {
    const row = (this.#sorted ?? this.#source.rows)[i];
    if (!row) return h("div", { role: "row", class: "vrow" }, h("span", { role: "gridcell", class: "hint" }, "…"));
    const cell = (name: string, ...content: (string | Node)[]) =>
      h("span", { role: "gridcell", class: "c-" + name, title: typeof content[0] === "string" ? content[0] : null }, ...content);
    const why = whyOf(row);
    if (this.#fixes) {
      return h("div", { role: "row", class: "vrow", "data-row": row.row }, cell("row", String(row.row)), cell("reason", why),
        ...this.#fixes.cells(row, (field, by) => this.#moveTo(i + by, field)));
    }
    return h("div", { role: "row", class: "vrow", "data-row": row.row },
      cell("row", String(row.row)),
      cell("status", h("span", { class: "badge row-" + kindOf(row) }, statusOf(row.status))),
      cell("id", row.id), cell("name", row.name), cell("reason", why));
  }

  #moveTo(i: number, field: string): void {
    if (i < 0 || i >= this.#source.count) return;
    const input = this.#grid.reveal(i)?.querySelector<HTMLElement>(`[data-fix="${field}"]`);
    // The cells of the row may still be on their way.
    this.#goTo = input ? undefined : [i, field];
    input?.focus({ preventScroll: true });
  }

  #open(i: number): void {
    const row = (this.#sorted ?? this.#source.rows)[i];
    if (row) void this.#passport.open(row.row, () => this.client.row(this.job, row.row));
  }

  #toggleFixing(): void {
    this.#fixes?.close();
    this.#fixes = this.#fixes ? undefined
      : new Fixes(this.client, this.job, (cells) => this.#showFixes(cells), (e) => tell(this.#error, e));
    this.#fix.setAttribute("aria-pressed", String(!!this.#fixes));
    fill(this.#fix, this.#fixes ? text.stopFixing : text.fix);
    this.#sort = "row";
    this.#down = false;
    if (this.#fixes) this.#status = "fix";
    this.#grid.setFilling(!!this.#fixes);
    this.#showFixes(false);
    this.#reload();
  }

  // Cells have come, or one was corrected.
  #showFixes(cells: boolean): void {
    if (cells) {
      this.#renderHead();
      this.#grid.refresh();
      if (this.#goTo) this.#moveTo(...this.#goTo);
    }
    const n = this.#fixes?.count ?? 0;
    this.#send.hidden = !this.#fixes;
    fill(this.#corrected, n ? sayCount(strings.fix.corrected, n) : strings.fix.hint);
    this.#sendButton.setAttribute("aria-disabled", String(n === 0));
  }

  #sendFixes(): void {
    if (this.#fixes?.count) this.owner.follow(this.#fixes.file(this.owner.fileName()));
  }

  async #copyRows(): Promise<void> {
    await this.#need(Infinity);
    const rows = this.#sorted ?? this.#source.rows;
    const lines = rows.map((r) => [r.row, statusOf(r.status), r.id, r.name,
      whyOf(r)].join("\t"));
    await copyText([Object.values(text.heads).join("\t"), ...lines].join("\n"));
    fill(this.#note, sayCount(text.copied, rows.length));
  }

  async #saveCSV(): Promise<void> {
    try {
      const { statuses, code, search } = this.#source.wanted;
      const file = await this.client.rowsCSV(this.job, { statuses, codes: code ? [code] : [], search });
      save(file.blob, file.fileName);
      fill(this.#note, say(strings.job.saved, { name: file.fileName }));
    } catch (e) {
      tell(this.#error, e);
    }
  }
}

const statusOf = (status: string) => wordFor(strings.rowStatus, status) ?? status;
const nameOf = (code: string) => wordFor(strings.codes, code) ?? code.replaceAll("_", " ");

const remarkable = ["deceased", "different_ward", "not_registered", "international", "unverified", "transfer", "kept"];

/** What there is to say of a row beside its status. */
const whyOf = (row: Row) => [
  ...remarkable.filter((s) => s !== row.status && row.statuses.includes(s)).map(statusOf),
  row.reason ?? row.codes.map(nameOf).join(", "),
].filter(Boolean).join(", ");

/** How good the news of a row is. */
function kindOf(row: Row): string {
  if (toFix.includes(row.status) || row.status === "objected") return "bad";
  return remarkable.includes(row.status) ? "warn" : "good";
}

import type { RowHistory } from "../../client/ts/src/index.js";
import { h } from "./dom.ts";
import { dateAndTime } from "./format.ts";
import { strings } from "./strings.ts";

const text = strings.passport;

/** Everything that happened to one row, in a dialog. */
export class Passport {
  readonly #title = h("h2", { id: "passport-title", tabindex: "-1" });
  readonly #content = h("div", { class: "passport" });
  readonly element = h("dialog", { class: "wide", "aria-labelledby": "passport-title" },
    h("div", { class: "heading" }, this.#title,
      h("button", { type: "button", onclick: () => this.element.close() }, text.close)), this.#content);
  #asked = 0;

  /** Shows a row, once it has come. */
  async open(n: number, load: () => Promise<RowHistory>): Promise<void> {
    const asked = ++this.#asked;
    this.#title.textContent = text.title(n);
    this.#content.replaceChildren(h("p", { class: "hint", role: "status" }, strings.job.fetching));
    this.element.showModal();
    this.#title.focus();
    try {
      const row = await load();
      if (asked === this.#asked) this.#content.replaceChildren(...parts(row));
    } catch (e) {
      this.#content.replaceChildren(h("p", { class: "error", role: "alert" }, (e as Error).message));
    }
  }

  close(): void {
    this.element.close();
  }
}

/** Returns what is known of a row: its cells, the rules, the IEC's answer, the member, the report. */
export function parts(row: RowHistory): HTMLElement[] {
  const failed = row.rules.find((r) => r.answer === "failed");
  const changed = row.database.changed ?? [];
  const show = (v: unknown) => (v === null || v === undefined || v === "" ? text.nothing : String(v));
  return [
    part(text.cells, table([text.column, text.text, text.value], row.cells.map((c) => [
      c.column + (c.field ? ` (${strings.fields[c.field as keyof typeof strings.fields] ?? c.field})` : ""), c.text,
      c.cleared ? text.cleared : (c.value ?? ""),
    ]))),
    part(text.rules, h("p", {}, failed ? (failed.message ?? failed.rule) : text.passed),
      h("ul", { class: "rules" }, ...row.rules.map((r) =>
        h("li", { class: r.answer }, `${text.signs[r.answer]} ${strings.codes[r.rule] ?? r.rule}: ${text.answers[r.answer]}`))),
      h("ul", { class: "warnings" }, ...row.warnings.map((w) => h("li", {}, w.message)))),
    part(text.iec, h("p", {}, strings.rowStatus[row.iec.status] ?? row.iec.status, row.iec.why ? `: ${row.iec.why}` : ""),
      h("p", { class: "hint" }, [
        row.iec.ward && text.ward(row.iec.ward), row.iec.vd && text.vd(row.iec.vd), row.iec.station, row.iec.municipality,
        row.iec.province, row.iec.at && dateAndTime(row.iec.at), row.iec.kept && text.kept,
      ].filter(Boolean).join(" · "))),
    part(text.database,
      h("p", {}, strings.rowStatus[row.database.result] ?? row.database.result,
        row.database.dry_run ? ` (${text.notWritten})` : "", row.database.why ? `: ${row.database.why}` : ""),
      changed.length > 0 && table([text.field, text.before, text.after], changed.map((name) => [
        strings.fields[name as keyof typeof strings.fields] ?? name,
        show(row.database.before?.[name]), show(row.database.after?.[name]),
      ]))),
    ...(row.report_sheets.length
      ? [part(text.report, h("p", {}, row.report_sheets.map((s) => text.sheet(s.name, s.row)).join(" · ")))] : []),
  ];
}

const part = (title: string, ...content: (Node | false)[]) =>
  h("section", {}, h("h3", {}, title), ...content);

const table = (heads: string[], rows: string[][]) =>
  h("table", { class: "plain" },
    h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, ...rows.map(([first = "", ...rest]) =>
      h("tr", {}, h("th", { scope: "row" }, first), ...rest.map((cell) => h("td", {}, cell))))));

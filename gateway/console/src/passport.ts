import type { RowHistory } from "../../client/ts/src/index.js";
import { h } from "./dom.ts";
import { dateAndTime } from "./format.ts";
import { english, tell } from "./problem.ts";
import { say, strings, wordFor } from "./strings.ts";

const text = strings.passport;

const signs = { passed: "✓", failed: "✗", not_reached: "–" };
const statusOf = (status: string) => wordFor(strings.rowStatus, status) ?? status;
/** The reason that the server gives, after what it is for. */
const because = (why: string | undefined) => (why ? [": ", english(why)] : []);

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
    this.#title.textContent = say(text.title, { n: String(n) });
    this.#content.replaceChildren(h("p", { class: "hint", role: "status" }, strings.job.fetching));
    this.element.showModal();
    this.#title.focus();
    try {
      const row = await load();
      if (asked === this.#asked) this.#content.replaceChildren(...parts(row));
    } catch (e) {
      const error = h("p", { class: "error", role: "alert" });
      this.#content.replaceChildren(error);
      tell(error, e);
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
      c.column + (c.field ? ` (${wordFor(strings.fields, c.field) ?? c.field})` : ""), c.text,
      c.cleared ? text.cleared : (c.value ?? ""),
    ]))),
    part(text.rules, h("p", {}, failed ? english(failed.message ?? failed.rule) : text.passed),
      h("ul", { class: "rules" }, ...row.rules.map((r) =>
        h("li", { class: r.answer }, `${signs[r.answer]} ` +
          say(text.rule, { rule: wordFor(strings.codes, r.rule) ?? r.rule, answer: text.answers[r.answer] })))),
      h("ul", { class: "warnings" }, ...row.warnings.map((w) => h("li", {}, english(w.message))))),
    part(text.iec, h("p", {}, statusOf(row.iec.status), ...because(row.iec.why)),
      h("p", { class: "hint" }, [
        row.iec.ward && say(text.ward, { code: row.iec.ward }), row.iec.vd && say(text.vd, { code: row.iec.vd }), row.iec.station, row.iec.municipality,
        row.iec.province, row.iec.at && dateAndTime(row.iec.at), row.iec.kept && text.kept,
      ].filter(Boolean).join(" · "))),
    part(text.database,
      h("p", {}, statusOf(row.database.result), row.database.dry_run ? ` (${text.notWritten})` : "", ...because(row.database.why)),
      changed.length > 0 && table([text.field, text.before, text.after], changed.map((name) => [
        wordFor(strings.fields, name) ?? name,
        show(row.database.before?.[name]), show(row.database.after?.[name]),
      ]))),
    ...(row.report_sheets.length
      ? [part(text.report, h("p", {}, row.report_sheets.map((s) => say(text.sheet, { name: s.name, row: String(s.row) })).join(" · ")))] : []),
  ];
}

const part = (title: string, ...content: (Node | false)[]) =>
  h("section", {}, h("h3", {}, title), ...content);

const table = (heads: string[], rows: string[][]) =>
  h("table", { class: "plain" },
    h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, ...rows.map(([first = "", ...rest]) =>
      h("tr", {}, h("th", { scope: "row" }, first), ...rest.map((cell) => h("td", {}, cell))))));

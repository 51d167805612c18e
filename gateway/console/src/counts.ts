import type { Job } from "../../client/ts/src/index.js";
import { h } from "./dom.ts";
import { count } from "./format.ts";
import type { State } from "./state.ts";
import { english } from "./problem.ts";
import { say, strings } from "./strings.ts";

type Name = keyof typeof strings.counts;
// Counts that call for action unless they are 0.
const bad = new Set<Name>(["invalid_ids", "duplicates", "errors"]);

/** Makes a titled list of counts, null where there are none. */
function group(title: string, stats: Partial<Record<Name, number>> | undefined, names: Name[]): HTMLElement | null {
  if (!stats) return null;
  return h("div", { class: "group" }, h("h3", {}, title), h("dl", {}, ...names.map((name) => {
    const n = stats[name] ?? 0;
    const warn = bad.has(name) && n > 0;
    return h("div", { class: warn ? "bad" : n === 0 ? "none" : "" },
      h("dt", {}, strings.counts[name]), h("dd", { "data-count": name }, count(n)));
  })));
}

function unusedColumn({ letter, name, why, used }: NonNullable<Job["unused_columns"]>[number]): string {
  const text = strings.columns;
  const reason = why === "twice" ? say(text.why.twice, { used: used ?? "" }) : text.why[why];
  return name ? say(text.unused, { letter, name, why: reason }) : say(text.unusedNoName, { letter, why: reason });
}

/** Names the columns of the file that were guessed, and those not used. Null where there are none. */
function columns({ unused_columns: unused = [], unused_total: total = 0, guessed_columns: guessed = [] }: Job) {
  if (!unused.length && !guessed.length) return null;
  const text = strings.columns;
  return h("div", { class: "group wide" }, h("h3", {}, text.title),
    ...guessed.map((c) => h("p", { class: "hint", "data-guessed": c.letter }, english(c.message))),
    h("ul", {}, ...unused.map((c) =>
      h("li", { "data-unused": c.letter }, unusedColumn(c)))),
    ...(total > unused.length ? [h("p", { class: "hint" }, say(text.more, { n: total - unused.length }))] : []));
}

/** Shows the counts that were known in a state of the job. */
export function countsView(status: Job, s: State): HTMLElement {
  const { validation_stats: rows, iec_stats: iec, database_stats: members } = status;
  const groups = [
    s.known.rows && group(strings.groups.rows, rows,
      ["total_records", "valid_records", "invalid_ids", "duplicates", "warnings",
        ...(rows?.out_of_area ? ["out_of_area" as const] : [])]),
    s.known.iec && group(strings.groups.iec, iec,
      ["registered", "not_registered", "deceased", "international", "unverified"]),
    s.known.members && group(strings.groups.members, members,
      status.options.undoes
        ? ["removed", "updates", "kept", "unchanged"]
        : ["inserts", "updates", "unchanged", "errors",
          ...(["cleared", "known", "unknown", "transfers"] as const).filter((name) => members?.[name])]),
    s.known.rows && columns(status),
  ].filter((g): g is HTMLElement => !!g);
  return groups.length ? h("div", { class: "groups" }, ...groups) : h("p", { class: "hint" }, strings.job.noCounts);
}

import type {
  CourseQuery, MemberCounts, PlaceStanding, Rollcall, Standing, StandingPoint, StandingQuery, WardStanding, Workbook,
} from "../../client/ts/src/index.js";
import { fill, h, save } from "./dom.ts";
import { count, date } from "./format.ts";
import { lineChart } from "./linechart.ts";
import { tell } from "./problem.ts";
import { say, strings, wordFor } from "./strings.ts";

const text = strings.wards;
type Column = Exclude<keyof MemberCounts, "new">;
const always: readonly Column[] = ["members", "registered", "elsewhere", "not_registered", "abroad", "deceased", "unverified"];
/** How many lines of the table are drawn at once. */
const step = 200;

type Level = "ward" | "municipality" | "province";

/** Where the organisation stands: bars and lines, with all numbers in tables. */
export class WardsView {
  readonly #province = h("select", { id: "wards-province", onchange: () => void this.#load() },
    h("option", { value: "" }, text.all));
  readonly #level = h("select", { id: "wards-level", onchange: () => this.#render() },
    ...(["ward", "municipality", "province"] as const).map((l) => h("option", { value: l }, text.levels[l])));
  readonly #day = h("input", { id: "wards-day", type: "date", onchange: () => void this.#load() });
  readonly #below = h("input", { id: "wards-below", type: "checkbox", onchange: () => void this.#load() });
  /** With a job also whom it has added. */
  readonly #columns: readonly (keyof MemberCounts)[];
  readonly #sum = h("p", { class: "facts", role: "status" });
  readonly #error = h("p", { class: "error", role: "alert" });
  readonly #chart = h("div", { class: "over-time", tabindex: "0", role: "region", "aria-label": text.overTime });
  readonly #body = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": text.table });
  readonly #more = h("button", { type: "button", class: "quiet no-print", hidden: true, onclick: () => this.#showMore() },
    text.more);
  readonly #job = h("p", { hidden: true });
  readonly element = h("article", { class: "card wards" },
    h("a", { class: "back", href: "#/" }, "← ", strings.jobs.back),
    h("div", { class: "heading" }, h("h1", {}, text.title)), this.#job, this.#sum, this.#error,
    h("div", { class: "fields no-print" },
      h("p", {}, h("label", { for: "wards-level" }, text.by), this.#level),
      h("p", {}, h("label", { for: "wards-province" }, text.province), this.#province),
      h("p", {}, h("label", { for: "wards-day" }, text.asOf), this.#day),
      h("p", { class: "option" }, this.#below, h("label", { for: "wards-below" }, text.below))),
    h("div", { class: "actions no-print" },
      h("button", { type: "button", onclick: () => void this.#export() }, text.csv),
      h("button", { type: "button", onclick: () => print() }, text.print)),
    this.#body, this.#more, h("h2", {}, text.overTime), this.#chart);
  #standing: Standing | null = null;
  #shown = step;
  #asked = 0;

  constructor(readonly client: Rollcall, readonly job = "") {
    this.#columns = job ? ["new", ...always] : always;
    this.#job.hidden = !job;
    fill(this.#job, text.newOf, " ", h("a", { href: `#/jobs/${job}` }, text.toJob));
  }

  start(): void {
    document.title = `${text.title} · ${strings.name}`;
    void this.#load();
  }

  close(): void {
    this.#asked++;
  }

  #query(): StandingQuery {
    const q: StandingQuery = { belowTarget: this.#below.checked };
    if (this.#province.value) q.province = this.#province.value;
    if (this.#day.value) q.asOf = this.#day.value;
    if (this.job) q.jobId = this.job;
    return q;
  }

  async #load(): Promise<void> {
    const asked = ++this.#asked;
    const q = this.#query();
    try {
      const course: CourseQuery = {};
      if (q.province) course.province = q.province;
      if (q.asOf) course.to = q.asOf;
      const [standing, points] = await Promise.all([this.client.wards(q), this.client.wardsHistory(course)]);
      if (asked !== this.#asked) return; // something else has been chosen since
      this.#standing = standing;
      this.#shown = step;
      fill(this.#error, "");
      this.#offerProvinces(standing);
      this.#render();
      this.#drawCourse(points);
    } catch (e) {
      if (asked === this.#asked) tell(this.#error, e);
    }
  }

  #offerProvinces(standing: Standing): void {
    for (const p of standing.provinces) {
      if (p.province && ![...this.#province.options].some((o) => o.value === p.province)) {
        this.#province.append(h("option", { value: p.province }, provinceName(p.province)));
      }
    }
  }

  #showMore(): void {
    this.#shown += step;
    this.#render();
  }

  #render(): void {
    const now = this.#standing;
    if (!now) return;
    const level = this.#level.value as Level;
    fill(this.#sum, say(text.sum, {
      members: now.total.members, registered: now.total.registered, reached: now.total.wards_reached,
      wards: now.total.wards, target: now.target, day: date(now.as_of),
    }));
    const places: (WardStanding | PlaceStanding)[] =
      [...(level === "ward" ? now.wards : level === "municipality" ? now.municipalities : now.provinces)];
    const most = Math.max(1, now.target, ...places.map((p) => p.members));
    const head = [text.place, say(text.bar, { target: now.target }), ...this.#columns.map((c) => text.counts[c]), text.reached];
    if (this.job) places.sort((a, b) => b.new - a.new);
    this.#body.replaceChildren(places.length === 0 ? h("p", {}, text.none) : h("table", { class: "standing" },
      h("caption", {}, h("span", {}, text.caption)),
      h("thead", {}, h("tr", {}, ...head.map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", {}, ...places.slice(0, this.#shown).map((p) => this.#line(p, most, now.target))),
      h("tfoot", {}, h("tr", {}, h("th", { scope: "row" }, text.total), h("td", {}), ...numbers(now.total, this.#columns),
        h("td", {}, reachedOf(now.total))))));
    this.#more.hidden = places.length <= this.#shown;
  }

  #line(p: WardStanding | PlaceStanding, most: number, target: number): HTMLElement {
    const ward = "ward" in p ? p : null;
    const reached = ward ? (ward.reached ? text.yes : say(text.missing, { n: Math.max(0, target - p.registered) }))
      : reachedOf(p as PlaceStanding);
    const bar = h("div", { class: "bars", "aria-hidden": "true" },
      h("span", { class: "rest" }), h("span", { class: "part" }), ward?.ward && h("span", { class: "target" }));
    bar.style.setProperty("--members", String(p.members / most));
    bar.style.setProperty("--registered", String(p.registered / most));
    bar.style.setProperty("--target", String(target / most));
    const where = [p.municipality, provinceName(p.province)].filter(Boolean).join(", ");
    const sign = ward?.ward && ward.reached ? h("button", {
      type: "button", class: "quiet no-print", "aria-label": say(text.registerOf, { ward: ward.ward }), onclick: () => void this.#register(ward.ward),
    }, text.register) : null;
    return h("tr", {},
      h("th", { scope: "row" }, ward ? ward.ward || text.noWard : p.municipality || provinceName(p.province) || text.unknown,
        ward || p.municipality ? h("span", { class: "hint" }, ward ? where : provinceName(p.province)) : null),
      h("td", {}, bar), ...numbers(p, this.#columns), h("td", {}, ward && !ward.ward ? "" : reached, sign));
  }

  #drawCourse(points: StandingPoint[]): void {
    const chart = lineChart(text.overTime, points.map((p) => date(p.at)), [
      { name: text.counts.members, values: points.map((p) => p.members), mark: "round" },
      { name: text.counts.registered, values: points.map((p) => p.registered), mark: "square" },
    ]);
    const table = h("details", {}, h("summary", {}, text.numbers), h("div", { class: "scroll", tabindex: "0" },
      h("table", { class: "standing" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, text.day), ...always.map((c) =>
          h("th", { scope: "col" }, text.counts[c])), h("th", { scope: "col" }, text.reached))),
        h("tbody", {}, ...points.map((p) => h("tr", {}, h("th", { scope: "row" }, date(p.at)), ...numbers(p, always),
          h("td", {}, count(p.wards_reached))))))));
    this.#chart.replaceChildren(chart, table);
  }

  #export(): Promise<void> {
    return this.#save(() => this.client.wardsCSV(this.#query()));
  }

  #register(ward: string): Promise<void> {
    return this.#save(() => this.client.register(ward));
  }

  async #save(fetch: () => Promise<Workbook>): Promise<void> {
    try {
      const file = await fetch();
      save(file.blob, file.fileName);
      fill(this.#error, "");
    } catch (e) {
      tell(this.#error, e);
    }
  }
}

const reachedOf = (all: { wards_reached: number; wards: number }) =>
  say(text.reachedOf, { reached: all.wards_reached, wards: all.wards });

const numbers = (c: MemberCounts, columns: readonly (keyof MemberCounts)[]) => columns.map((name) => h("td", { "data-count": name }, count(c[name])));

const provinceName = (code: string) => wordFor(text.provinces, code) ?? code;

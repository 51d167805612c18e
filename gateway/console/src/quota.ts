import type { Rollcall, RollcallError } from "../../client/ts/src/index.js";
import { fill, h } from "./dom.ts";
import { count, moment, time } from "./format.ts";
import { meter } from "./meter.ts";
import { tell } from "./problem.ts";
import { say, strings } from "./strings.ts";

const text = strings.quota;
// Milliseconds. No event tells that calls are free again.
const interval = 60_000;

/** Shows how much of the hour's IEC calls is spent. */
export class QuotaView {
  readonly #bar = meter(text.title, "meter");
  readonly #used = h("p", {});
  readonly #note = h("p", { class: "hint", role: "status" });
  readonly #usage = h("div", {});
  readonly #details = h("details", { ontoggle: () => void this.#loadUsage() }, h("summary", {}, text.usage), this.#usage);
  readonly element = h("section", { class: "card quota", "aria-label": text.title },
    h("h2", {}, text.title), this.#bar.element, this.#used, this.#note, this.#details);
  readonly #timer: number;
  #loading = false;

  constructor(readonly client: Rollcall) {
    this.#timer = setInterval(() => this.refresh(), interval);
  }

  /** Loads the quota soon. Several calls make one request. */
  refresh(): void {
    if (this.#loading) return;
    this.#loading = true;
    setTimeout(() => void this.load(), 1_500);
  }

  async load(): Promise<void> {
    this.#loading = false;
    try {
      const q = await this.client.rateLimit();
      this.#bar.set(q.percentage_used);
      fill(this.#used, say(text.used, { used: q.current_count, limit: q.max_limit }));
      const spent = q.is_limited || q.user?.is_limited;
      const word = spent ? text.spent : q.percentage_used >= 90 ? text.warning : "";
      const own = q.user ? say(text.own, { used: q.user.current_count, limit: q.user.max_limit }) : "";
      if (this.#details.open) void this.#loadUsage();
      fill(this.#note, [word, own, q.reset_time ? say(text.reset, { time: time(q.reset_time) }) : ""].filter(Boolean).join(" "));
    } catch (e) {
      // Whoever may not upload has no use for the quota.
      this.element.hidden = (e as RollcallError).code === "forbidden";
      tell(this.#note, e);
    }
  }

  /** Shows which hours and whose jobs had the calls of the last day. */
  async #loadUsage(): Promise<void> {
    if (!this.#details.open) return;
    try {
      const u = await this.client.usage();
      const hours = u.hours.filter((hour) => hour.calls > 0).reverse();
      const table = (name: string, lines: [string, number][]) => h("table", { class: "standing" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, name), h("th", { scope: "col" }, text.calls))),
        h("tbody", {}, ...lines.map(([what, calls]) => h("tr", {}, h("th", { scope: "row" }, what), h("td", {}, count(calls))))));
      this.#usage.replaceChildren(
        ...(u.quota.is_limited ? [h("p", {}, say(text.free, { time: time(u.next_free) }))] : []),
        ...(hours.length ? [table(text.hour, hours.map((x) => [moment(x.hour), x.calls])),
          table(text.user, u.users.map((x) => [x.user_id, x.calls]))] : [h("p", { class: "hint" }, text.noUsage)]));
    } catch (e) {
      tell(this.#usage, e);
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

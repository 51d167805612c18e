import type { Rollcall, RollcallError } from "../../client/ts/src/index.js";
import { fill, h } from "./dom.ts";
import { count, time } from "./format.ts";
import { meter } from "./meter.ts";
import { strings } from "./strings.ts";

const text = strings.quota;
// Milliseconds. No event tells that calls are free again.
const interval = 60_000;

/** Shows how much of the hour's IEC calls is spent. */
export class QuotaView {
  readonly #bar = meter(text.title, "meter");
  readonly #used = h("p", {});
  readonly #note = h("p", { class: "hint", role: "status" });
  readonly element = h("section", { class: "card quota", "aria-label": text.title },
    h("h2", {}, text.title), this.#bar.element, this.#used, this.#note);
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
      fill(this.#used, text.used(count(q.current_count), count(q.max_limit)));
      const spent = q.is_limited || q.user?.is_limited;
      const word = spent ? text.spent : q.percentage_used >= 90 ? text.warning : "";
      const own = q.user ? text.own(count(q.user.current_count), count(q.user.max_limit)) : "";
      fill(this.#note, [word, own, q.reset_time ? text.reset(time(q.reset_time)) : ""].filter(Boolean).join(" "));
    } catch (e) {
      // Whoever may not upload has no use for the quota.
      this.element.hidden = (e as RollcallError).code === "forbidden";
      fill(this.#note, (e as Error).message);
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

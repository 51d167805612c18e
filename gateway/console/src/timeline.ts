import { fill, h } from "./dom.ts";
import { percent, time } from "./format.ts";
import type { Step } from "./state.ts";
import { say, strings } from "./strings.ts";

const text = strings.timeline;
const moves: Record<string, (at: number, last: number) => number> = {
  ArrowUp: (at) => at - 1, ArrowLeft: (at) => at - 1, ArrowDown: (at) => at + 1, ArrowRight: (at) => at + 1,
  Home: () => 0, End: (_, last) => last,
};

/** The job's history. A chosen step stays chosen until the person goes back to now. */
export class Timeline {
  readonly #list = h("ol", {
    class: "timeline", "aria-label": text.title, onkeydown: (e: Event) => this.#moveByKey(e as KeyboardEvent),
  });
  readonly #previous = h("button",
    { type: "button", "aria-label": text.previous, onclick: () => this.#move(-1) }, "‹");
  readonly #next = h("button", { type: "button", "aria-label": text.next, onclick: () => this.#move(1) }, "›");
  readonly #now = h("button", { type: "button", onclick: () => this.#choose(null) }, text.now);
  readonly #announcement = h("p", { class: "visually-hidden", "aria-live": "polite" });
  readonly element = h("section", { class: "card", "aria-label": text.title },
    h("div", { class: "heading" }, h("h2", {}, text.title),
      h("div", { class: "actions" }, this.#now, this.#previous, this.#next)),
    h("p", { class: "hint pointer-only" }, text.hint), this.#list, this.#announcement);
  #steps: Step[] = [];
  #seq: number | null = null;

  constructor(readonly onChange: () => void) {}

  /** The chosen step, undefined while the job is shown as it is now. */
  get chosen(): Step | undefined {
    return this.#steps.find((s) => s.seq === this.#seq);
  }

  set(steps: Step[]): void {
    this.#steps = steps;
    this.#render();
  }

  // Where moving starts from. Now is the last step.
  get #at(): number {
    const chosen = this.chosen;
    return chosen ? this.#steps.indexOf(chosen) : this.#steps.length - 1;
  }

  #move(by: number): void {
    this.#choose(this.#steps[this.#at + by] ?? null, true);
  }

  #choose(step: Step | null, stay = false): void {
    if (!step && stay) return;
    this.#seq = step?.seq ?? null;
    this.#render();
    const where = step && say(text.looking, { n: this.#at + 1, all: this.#steps.length, time: time(step.state.at) });
    fill(this.#announcement, step && where ? say(text.announced, { where, event: text.events[step.kind] }) : "");
    this.onChange();
  }

  #moveByKey(e: KeyboardEvent): void {
    const to = moves[e.key];
    if (!to) return;
    e.preventDefault();
    const focused = Number((e.target as HTMLElement).dataset["step"] ?? this.#at);
    const i = Math.min(Math.max(to(focused, this.#steps.length - 1), 0), this.#steps.length - 1);
    this.#choose(this.#steps[i]!);
    this.#list.querySelector<HTMLElement>(`[data-step="${i}"]`)?.focus();
  }

  #render(): void {
    const focused = (document.activeElement as HTMLElement | null)?.dataset?.["step"];
    const at = this.#at;
    this.#list.replaceChildren(...this.#steps.map((s, i) =>
      h("li", { class: s.kind }, h("button", {
        type: "button", "data-step": i, tabindex: i === at ? 0 : -1, "aria-current": s.seq === this.#seq && "step",
        onclick: () => this.#choose(s),
      },
        h("span", { class: "what" }, text.events[s.kind]),
        h("span", { class: "hint" }, percent(s.state.percent)),
        h("time", { datetime: s.state.at }, time(s.state.at))))));
    if (focused) this.#list.querySelector<HTMLElement>(`[data-step="${focused}"]`)?.focus();
    // Disabling the pressed button would lose the focus.
    this.#previous.setAttribute("aria-disabled", String(at <= 0));
    this.#next.setAttribute("aria-disabled", String(at >= this.#steps.length - 1));
    this.#now.hidden = this.#seq === null;
  }
}

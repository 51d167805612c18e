import { h } from "./dom.ts";
import { bandEnds, stages, type State } from "./state.ts";
import { strings } from "./strings.ts";

const signs = { done: "✓", current: "", waiting: "", stopped: "!", cancelled: "×" };

/** Shows which stages are done, under way and to come, by shape, word and colour. */
export function stepper(s: State): HTMLElement {
  const stopped = s.status === "failed" || s.status === "cancelled" || s.status === "declined";
  // When a stage is done the next one is under way, unless it has only proposed what it would write.
  const waits = s.status === "awaiting_approval";
  const at = stages.indexOf(s.stage) + (!stopped && !waits && s.percent >= bandEnds[s.stage] ? 1 : 0);
  return h("ol", { class: "stepper", "aria-label": strings.job.stages }, ...stages.map((stage, i) => {
    const done = i < at;
    const here = s.status === "failed" ? "stopped" : stopped ? "cancelled" : "current";
    const state = done ? "done" : i > at ? "waiting" : here;
    return h("li", { class: state, "aria-current": state === "current" && "step" },
      h("span", { class: "dot", "aria-hidden": "true" }, signs[state] || String(i + 1)),
      h("span", { class: "what" }, strings.stages[stage],
        h("span", { class: "visually-hidden" }, ": " + strings.stageState[state])));
  }));
}

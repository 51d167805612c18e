import { h } from "./dom.ts";
import { percent } from "./format.ts";

/** Makes a bar from 0 to 100. */
export function meter(label: string, role: "meter" | "progressbar") {
  const element = h("div", {
    class: "bar", role, "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": 0,
  }, h("span"));
  return {
    element,
    set(part: number): void {
      const p = Math.min(100, Math.max(0, part));
      element.setAttribute("aria-valuenow", String(Math.round(p)));
      element.setAttribute("aria-valuetext", percent(Math.round(p)));
      element.style.setProperty("--part", String(p / 100));
    },
  };
}

import { h } from "./dom.ts";

/** Makes a bar from 0 to 100. */
export function meter(label: string, role: "meter" | "progressbar") {
  const element = h("div", {
    class: "bar", role, "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": 0,
  }, h("span"));
  return {
    element,
    set(percent: number): void {
      const p = Math.min(100, Math.max(0, percent));
      element.setAttribute("aria-valuenow", String(Math.round(p)));
      element.setAttribute("aria-valuetext", `${Math.round(p)} %`);
      element.style.setProperty("--part", String(p / 100));
    },
  };
}

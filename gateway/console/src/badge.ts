import { h } from "./dom.ts";
import { strings } from "./strings.ts";
import type { JobStatus } from "../../client/ts/src/index.js";

const signs: Record<JobStatus, string> = {
  pending: "…", processing: "▸", paused: "‖", completed: "✓", failed: "!", cancelled: "×",
  awaiting_approval: "?", declined: "×",
};

/** Shows a status by sign, word and colour. */
export const badge = (status: JobStatus, more = "") =>
  h("span", { class: "badge " + status },
    h("span", { "aria-hidden": "true", class: "sign" }, signs[status]), strings.status[status] + more);

import type { Rollcall, WaitingJob } from "../../client/ts/src/index.js";
import { h } from "./dom.ts";
import { moment } from "./format.ts";
import { say, strings } from "./strings.ts";

const text = strings.jobs;

/** The jobs that wait for the person; nothing is shown while there are none. */
export class WaitingList {
  readonly #list = h("ul", { class: "jobs" });
  readonly #more = h("p", { class: "hint" });
  readonly element = h("div", { class: "waiting", hidden: true }, h("h3", {}, text.waiting), this.#list, this.#more);

  constructor(readonly client: Rollcall) {}

  async load(): Promise<void> {
    const { jobs, total } = await this.client.waiting();
    this.element.hidden = jobs.length === 0;
    this.#list.replaceChildren(...jobs.map((j) => this.#line(j)));
    this.#more.textContent = total > jobs.length ? say(text.moreWaiting, { n: total - jobs.length }) : "";
  }

  #line(j: WaitingJob): HTMLElement {
    return h("li", {}, h("a", { href: "#/jobs/" + j.job_id },
      h("span", { class: "name" }, j.file_name),
      h("span", { class: "badge " + (j.waits_for === "failed" ? "failed" : "paused") }, text.waitsFor[j.waits_for]),
      h("time", { datetime: j.created_at }, `${moment(j.created_at)} · ${j.uploaded_by}`)));
  }
}

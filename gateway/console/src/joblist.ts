import type { JobEvent, ListedJob, Rollcall } from "../../client/ts/src/index.js";
import { fill, h } from "./dom.ts";
import { moment } from "./format.ts";
import { badge } from "./badge.ts";
import { strings } from "./strings.ts";

const text = strings.jobs;

/** JobList is the person's jobs, newest first, kept true by what comes. */
export class JobList {
  readonly #list = h("ul", { class: "jobs" });
  readonly #note = h("p", { class: "hint", role: "status" });
  readonly #more = h("button", { type: "button", class: "quiet", hidden: true, onclick: () => void this.#older() }, text.more);
  readonly element = h("section", { class: "card", "aria-label": text.title }, h("h2", {}, text.title), this.#list, this.#note, this.#more);
  #jobs: ListedJob[] = [];
  #total: number | undefined; // until the list is there
  #pages = 1;
  #marked = "";
  #asked = false;

  constructor(readonly client: Rollcall) {}

  async load(): Promise<void> {
    this.#asked = false;
    try {
      const pages = await Promise.all(Array.from({ length: this.#pages }, (_, i) => this.client.history({ page: i + 1 })));
      // A job that came between two pages is on both.
      this.#jobs = [...new Map(pages.flatMap((p) => p.jobs).map((j) => [j.job_id, j])).values()];
      this.#total = pages[0]!.total;
      this.#render();
    } catch (e) {
      fill(this.#note, (e as Error).message);
    }
  }

  #older(): Promise<void> {
    this.#pages++;
    return this.load();
  }

  heard(e: JobEvent): void {
    if (e.event === "reset") return void this.load();
    const job = this.#jobs.find((j) => j.job_id === e.data.job_id);
    if (!job) {
      if (this.#asked) return;
      this.#asked = true;
      setTimeout(() => void this.load(), 500); // the list is a moment behind the events
      return;
    }
    job.status = e.data.status;
    if (e.event === "bulk_upload_complete") job.progress = 100;
    else if (e.event !== "bulk_upload_failed" && e.event !== "bulk_upload_erased") job.progress = e.data.progress;
    this.#render();
  }

  mark(job: string): void {
    this.#marked = job;
    this.#render();
  }

  #render(): void {
    const focused = (document.activeElement as HTMLElement | null)?.dataset?.["job"];
    this.#list.replaceChildren(...this.#jobs.map((j) =>
      h("li", {}, h("a", { href: "#/jobs/" + j.job_id, "data-job": j.job_id, "aria-current": j.job_id === this.#marked && "page" },
        h("span", { class: "name" }, j.file_name),
        badge(j.status, j.status === "processing" || j.status === "paused" ? ` ${j.progress} %` : ""),
        h("time", { datetime: j.created_at }, moment(j.created_at))))));
    if (focused) this.#list.querySelector<HTMLElement>(`[data-job="${focused}"]`)?.focus();
    fill(this.#note, this.#total === 0 ? text.none : "");
    this.#more.hidden = this.#jobs.length >= (this.#total ?? 0);
  }
}

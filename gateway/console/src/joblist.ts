import type { JobEvent, ListedJob, Rollcall } from "../../client/ts/src/index.js";
import { fill, h } from "./dom.ts";
import { moment } from "./format.ts";
import { badge } from "./badge.ts";
import { strings } from "./strings.ts";

const text = strings.jobs;

/** The person's jobs, newest first, kept up to date by events. */
export class JobList {
  readonly #list = h("ul", { class: "jobs" });
  readonly #note = h("p", { class: "hint", role: "status" });
  readonly #more = h("button",
    { type: "button", class: "quiet", hidden: true, onclick: () => void this.#loadOlder() }, text.more);
  readonly element = h("section", { class: "card", "aria-label": text.title },
    h("h2", {}, text.title), this.#list, this.#note, this.#more);
  #jobs: ListedJob[] = [];
  #total: number | undefined; // undefined until the list has come
  #pages = 1;
  #marked = "";
  #loading = false;

  constructor(readonly client: Rollcall) {}

  async load(): Promise<void> {
    this.#loading = false;
    try {
      const numbers = Array.from({ length: this.#pages }, (_, i) => i + 1);
      const pages = await Promise.all(numbers.map((page) => this.client.history({ page })));
      // When a new job comes between two requests, another one is on both pages.
      this.#jobs = [...new Map(pages.flatMap((p) => p.jobs).map((j) => [j.job_id, j])).values()];
      this.#total = pages[0]!.total;
      this.#render();
    } catch (e) {
      fill(this.#note, (e as Error).message);
    }
  }

  #loadOlder(): Promise<void> {
    this.#pages++;
    return this.load();
  }

  update(e: JobEvent): void {
    if (e.event === "reset") return void this.load();
    const job = this.#jobs.find((j) => j.job_id === e.data.job_id);
    if (!job) {
      if (this.#loading) return;
      this.#loading = true;
      setTimeout(() => void this.load(), 500); // the server's list lags a moment behind the events
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
      h("li", {}, h("a",
        { href: "#/jobs/" + j.job_id, "data-job": j.job_id, "aria-current": j.job_id === this.#marked && "page" },
        h("span", { class: "name" }, j.file_name),
        badge(j.status, j.status === "processing" || j.status === "paused" ? ` ${j.progress} %` : ""),
        h("time", { datetime: j.created_at }, moment(j.created_at))))));
    if (focused) this.#list.querySelector<HTMLElement>(`[data-job="${focused}"]`)?.focus();
    fill(this.#note, this.#total === 0 ? text.none : "");
    this.#more.hidden = this.#jobs.length >= (this.#total ?? 0);
  }
}

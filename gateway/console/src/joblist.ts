import type { HistoryQuery, JobEvent, JobStatus, ListedJob, Rollcall } from "../../client/ts/src/index.js";
import { fill, h } from "./dom.ts";
import { moment, percent } from "./format.ts";
import { badge } from "./badge.ts";
import { WaitingList } from "./waiting.ts";
import { tell } from "./problem.ts";
import { sayCount, strings } from "./strings.ts";

const text = strings.jobs;

/** How long the server's list may lag behind the events, in milliseconds. */
const maxLag = 10_000;

/** The person's jobs, newest first, kept up to date by events. */
export class JobList {
  readonly #list = h("ul", { class: "jobs" });
  readonly #note = h("p", { class: "hint", role: "status" });
  readonly #more = h("button",
    { type: "button", class: "quiet", hidden: true, onclick: () => void this.#loadOlder() }, text.more);
  readonly #waiting: WaitingList;
  readonly #search = h("input", { id: "jobs-search", type: "search", maxlength: 200, autocomplete: "off",
    oninput: () => this.#searchSoon() });
  readonly #status = h("select", { id: "jobs-status", onchange: () => void this.#searchAgain() },
    h("option", { value: "" }, text.anyStatus),
    ...Object.entries(strings.status).map(([value, name]) => h("option", { value }, name)));
  readonly #from = h("input", { id: "jobs-from", type: "date", onchange: () => void this.#searchAgain() });
  readonly #to = h("input", { id: "jobs-to", type: "date", onchange: () => void this.#searchAgain() });
  readonly element: HTMLElement;
  #jobs: ListedJob[] = [];
  #total: number | undefined; // undefined until the list has come
  #pages = 1;
  #next: string | null = null;
  #asked = 0;
  #timer = 0;
  #marked = "";
  #loading = false;
  /** What events have said of jobs, and when. */
  readonly #heard = new Map<string, { status: JobStatus; progress: number | undefined; at: number }>();

  constructor(readonly client: Rollcall) {
    this.#waiting = new WaitingList(client);
    const field = (input: HTMLElement, name: string) => h("p", {}, h("label", { for: input.id }, name), input);
    this.element = h("section", { class: "card", "aria-label": text.title },
      h("h2", {}, text.title), this.#waiting.element,
      h("details", { class: "search" }, h("summary", {}, text.search),
        h("div", { class: "fields", role: "search" }, field(this.#search, text.searchFor), field(this.#status, text.status),
          field(this.#from, text.from), field(this.#to, text.to))),
      this.#list, this.#note, this.#more);
  }

  #query(): HistoryQuery {
    const q: HistoryQuery = {};
    const [search, from, to] = [this.#search.value.trim(), this.#from.value, this.#to.value];
    if (search) q.search = search;
    if (this.#status.value) q.status = this.#status.value as JobStatus;
    if (from) q.from = from;
    if (to) q.to = to;
    return q;
  }

  /** Searches once nobody types for a moment. */
  #searchSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#searchAgain(), 300);
  }

  #searchAgain(): Promise<void> {
    this.#pages = 1;
    return this.load();
  }

  /** Loads as many pages as are shown, each from where the one before ended. */
  async load(): Promise<void> {
    this.#loading = false;
    const asked = ++this.#asked;
    try {
      const query = this.#query();
      const jobs: ListedJob[] = [];
      let total = 0;
      let next: string | null = null;
      for (let n = 0; n < this.#pages; n++) {
        const page = await this.client.history(next ? { ...query, cursor: next } : query);
        jobs.push(...page.jobs);
        if (n === 0) total = page.total;
        next = page.pagination.next_cursor;
        if (!next) break;
      }
      if (asked !== this.#asked) return;
      [this.#jobs, this.#total, this.#next] = [jobs, total, next];
      this.#catchUp();
      this.#render();
      await this.#waiting.load();
    } catch (e) {
      if (asked === this.#asked) tell(this.#note, e);
    }
  }

  async #loadOlder(): Promise<void> {
    if (!this.#next) return;
    const asked = ++this.#asked;
    try {
      const page = await this.client.history({ ...this.#query(), cursor: this.#next });
      if (asked !== this.#asked) return;
      this.#pages++;
      this.#next = page.pagination.next_cursor;
      this.#jobs.push(...page.jobs);
      this.#catchUp();
      this.#render();
    } catch (e) {
      if (asked === this.#asked) tell(this.#note, e);
    }
  }

  /** Gives the jobs of the server's list what events have said meanwhile. */
  #catchUp(): void {
    const now = performance.now();
    for (const [id, heard] of this.#heard) {
      if (now - heard.at > maxLag) {
        this.#heard.delete(id);
        continue;
      }
      const job = this.#jobs.find((j) => j.job_id === id);
      if (job) [job.status, job.progress] = [heard.status, heard.progress ?? job.progress];
    }
  }

  update(e: JobEvent): void {
    if (e.event === "reset") {
      this.#heard.clear();
      return void this.load();
    }
    const progress = e.event === "bulk_upload_complete" ? 100
      : e.event === "bulk_upload_failed" || e.event === "bulk_upload_erased" ? undefined : e.data.progress;
    this.#heard.set(e.data.job_id, { status: e.data.status, progress, at: performance.now() });
    const job = this.#jobs.find((j) => j.job_id === e.data.job_id);
    if (!job) {
      if (this.#loading) return;
      this.#loading = true;
      setTimeout(() => void this.load(), 500); // the server's list lags a moment behind the events
      return;
    }
    if (job.status !== e.data.status) void this.#waiting.load().catch(() => {}); // the next load says what is wrong
    job.status = e.data.status;
    job.progress = progress ?? job.progress;
    this.#render();
  }

  /** Returns the name of the file of a job in the list. */
  nameOf(job: string): string | undefined {
    return this.#jobs.find((j) => j.job_id === job)?.file_name;
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
        badge(j.status, j.status === "processing" || j.status === "paused" ? ` ${percent(j.progress)}` : ""),
        h("time", { datetime: j.created_at }, moment(j.created_at))))));
    if (focused) this.#list.querySelector<HTMLElement>(`[data-job="${focused}"]`)?.focus();
    const searched = Object.keys(this.#query()).length > 0;
    fill(this.#note, this.#total !== 0 ? (searched ? sayCount(text.found, this.#total ?? 0) : "") : searched ? text.noneFound : text.none);
    this.#more.hidden = !this.#next;
  }
}

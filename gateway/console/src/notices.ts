import type { JobEvent, JobStatus, Notifications, Rollcall } from "../../client/ts/src/index.js";
import { fill, h, icon } from "./dom.ts";
import { tell } from "./problem.ts";
import { isOver } from "./state.ts";
import { say, strings, wordFor } from "./strings.ts";

const text = strings.notices;
const key = "rollcall-notices";

const worthTelling = (s: JobStatus) => isOver(s) || s === "awaiting_approval";

/** What the person is told of while they look elsewhere: by e-mail, as the server keeps it, and by this browser. */
export class Notices {
  readonly #jobs = this.#switch("notices-jobs", () => void this.#save());
  readonly #waiting = this.#switch("notices-waiting", () => void this.#save());
  readonly #browser = this.#switch("notices-browser", () => void this.#allow());
  readonly #to = h("p", { class: "hint" });
  readonly #note = h("p", { class: "hint", role: "status" });
  readonly #approves: HTMLElement;
  readonly element: HTMLElement;
  /** The last status of each job that was told. */
  readonly #told = new Map<string, JobStatus>();

  constructor(readonly client: Rollcall, readonly nameOf: (job: string) => string | undefined) {
    const line = (box: HTMLInputElement, label: string) =>
      h("p", { class: "option" }, box, h("label", { for: box.id }, label));
    this.#approves = line(this.#waiting, text.waiting);
    this.#approves.hidden = true;
    this.element = h("section", { class: "card notices", "aria-label": text.title },
      h("h2", {}, text.title),
      h("fieldset", {}, h("legend", {}, text.email), line(this.#jobs, text.jobs), this.#approves, this.#to),
      h("fieldset", {}, h("legend", {}, text.browser), line(this.#browser, text.hidden), this.#note));
    this.#show({ jobs: false, waiting: false, email: null, available: false, may_approve: false });
    fill(this.#to, "");
    this.#showBrowser();
  }

  #switch(id: string, onchange: () => void): HTMLInputElement {
    return h("input", { id, type: "checkbox", role: "switch", onchange });
  }

  /** Loads what the server keeps, which takes note that the person is still here. */
  async load(): Promise<void> {
    try {
      this.#show(await this.client.notifications());
    } catch (e) {
      tell(this.#to, e);
    }
  }

  async #save(): Promise<void> {
    try {
      this.#show(await this.client.saveNotifications({ jobs: this.#jobs.checked, waiting: this.#waiting.checked }));
    } catch (e) {
      await this.load();
      tell(this.#to, e);
    }
  }

  #show(n: Notifications): void {
    [this.#jobs.checked, this.#waiting.checked] = [n.jobs, n.waiting];
    const can = n.available && n.email !== null;
    // What is on can always be switched off.
    this.#jobs.disabled = !can && !n.jobs;
    this.#waiting.disabled = !can && !n.waiting;
    this.#approves.hidden = !n.may_approve && !n.waiting;
    fill(this.#to, !n.available ? text.noServer : n.email === null ? text.noAddress : say(text.to, { address: n.email }));
  }

  /** Asks the browser for its permission, which it gives only to who has just clicked. */
  async #allow(): Promise<void> {
    if (this.#browser.checked && "Notification" in window) {
      if (Notification.permission === "default") await Notification.requestPermission();
      if (Notification.permission === "granted") localStorage.setItem(key, "on");
    } else {
      localStorage.removeItem(key);
    }
    this.#showBrowser();
  }

  get #on(): boolean {
    return localStorage.getItem(key) === "on" && "Notification" in window && Notification.permission === "granted";
  }

  #showBrowser(): void {
    const able = "Notification" in window && isSecureContext;
    this.#browser.checked = this.#on;
    this.#browser.disabled = !able;
    fill(this.#note, !able ? text.unable : Notification.permission === "denied" ? text.denied : "");
  }

  /** Shows a notification when a job ends or waits, while nobody looks at the page. */
  update(e: JobEvent): void {
    if (e.event === "reset" || e.event === "bulk_upload_erased") return;
    const { job_id: job, status } = e.data;
    if (this.#told.get(job) === status) return;
    this.#told.set(job, status);
    if (!worthTelling(status) || !document.hidden || !this.#on) return;
    // With the job as its tag, further pages of the same person show no second one.
    const shown = new Notification(wordFor(strings.status, status) ?? status,
      { body: this.nameOf(job) ?? "", tag: job, icon, lang: document.documentElement.lang });
    shown.onclick = () => {
      window.focus();
      location.hash = "#/jobs/" + job;
      shown.close();
    };
  }
}

import { badge } from "./badge.ts";
import type { Job, JobEvent, Me, Rollcall, RollcallError, Watch } from "../../client/ts/src/index.js";
import { Confirm } from "./confirm.ts";
import { countsView } from "./counts.ts";
import { fill, h, save } from "./dom.ts";
import { duration, percent, time } from "./format.ts";
import { meter } from "./meter.ts";
import { History, isOver, type State } from "./state.ts";
import { RowsView } from "./rows.ts";
import { stepper } from "./stepper.ts";
import { english, tell } from "./problem.ts";
import { say, strings } from "./strings.ts";
import { Timeline } from "./timeline.ts";

const text = strings.job;

/** Follows one job, and shows it as it is now or as it was at a step of its history. */
export class JobView {
  readonly #title = h("h1", { tabindex: "-1" }, text.id);
  readonly #badge = h("span");
  readonly #options = h("p", { class: "hint" });
  readonly #origin = h("a", { class: "hint", hidden: true });
  readonly #looking = h("p", { class: "looking", hidden: true });
  readonly #stages = h("div");
  readonly #bar = meter(text.progress, "progressbar");
  readonly #percent = h("p", { class: "percent", "aria-hidden": "true" });
  readonly #facts = h("p", { class: "facts" });
  readonly #message = h("p", { class: "message" });
  // For screen readers: a new stage or status, and not each row.
  readonly #announcement = h("p", { class: "visually-hidden", "aria-live": "polite" });
  readonly #counts = h("div", { class: "counts" });
  readonly #newMembers = h("a", { hidden: true }, text.newMembers);
  readonly #error = h("p", { class: "error", role: "alert" });
  readonly #note = h("p", { class: "hint", role: "status" });
  readonly #cancel = h("button", { type: "button", onclick: () => this.#askCancel.open() }, text.cancel);
  readonly #undo = h("button", { type: "button", onclick: () => this.#askUndo.open() }, text.undo);
  readonly #retry = h("button", {
    type: "button", class: "primary", onclick: () => this.#run(this.#retry, () => this.client.retry(this.id)),
  }, text.retry);
  readonly #report = h("button", {
    type: "button", class: "primary", onclick: () => this.#download(this.#report, "report"),
  }, text.report);
  readonly #summary = h("button", {
    type: "button", onclick: () => this.#download(this.#summary, "summary"),
  }, text.summary);
  readonly #rejects = h("button", {
    type: "button", onclick: () => this.#download(this.#rejects, "rejects"),
  }, text.rejects);
  readonly #approve = h("button", {
    type: "button", class: "primary", onclick: () => this.#run(this.#approve, () => this.client.approve(this.id)),
  }, text.approve);
  readonly #decline = h("button", { type: "button", onclick: () => this.#askDecline.open() }, text.decline);
  readonly #takeOver = h("button", {
    type: "button", onclick: () => this.#run(this.#takeOver, async () => {
      location.hash = "#/jobs/" + (await this.client.complete(this.id)).job_id;
    }),
  }, text.takeOver);
  readonly #approval = h("p", { class: "hint", hidden: true }, text.mustApprove);
  readonly #commitHint = h("p", { class: "hint", hidden: true }, text.commitWaits);
  readonly #commit = h("button", {
    type: "button", class: "primary", onclick: () => this.#run(this.#commit, async () => {
      // The commit is a job of its own.
      location.hash = "#/jobs/" + (await this.client.commit(this.id)).job_id;
    }),
  }, text.commit);
  readonly #askDecline = new Confirm(text.declineQuestion,
    (reason) => void this.#run(this.#decline, () => this.client.decline(this.id, reason)));
  readonly #askCancel = new Confirm(text.cancelQuestion,
    () => void this.#run(this.#cancel, () => this.client.cancel(this.id)));
  readonly #askUndo = new Confirm(text.undoQuestion, () => void this.#run(this.#undo, async () => {
    // The undo is a job of its own.
    location.hash = "#/jobs/" + (await this.client.undo(this.id)).job_id;
  }));
  readonly #rows: RowsView;
  readonly #timeline = new Timeline(() => this.#render());
  readonly #body: HTMLElement;
  readonly element: HTMLElement;
  #history = new History();
  #status: Job | undefined;
  #loading = false;
  #watch: Watch | undefined;

  constructor(readonly client: Rollcall, readonly id: string, readonly me: Me | undefined,
    readonly follow: (file: File, first: Job) => void) {
    this.#rows = new RowsView(client, id, {
      follow: (file) => this.follow(file, this.#status!), fileName: () => this.#status?.file_name ?? "",
      mayFix: () => this.#may("upload") && !this.#status?.options.undoes,
    });
    this.#body = h("div", { hidden: true },
      h("div", { class: "card job" }, this.#looking, this.#stages,
        h("div", { class: "progress" }, this.#percent, h("div", {}, this.#bar.element, this.#facts)), this.#message,
        this.#approval, this.#commitHint,
        h("div", { class: "actions" }, this.#approve, this.#decline, this.#commit, this.#report, this.#summary, this.#rejects,
          this.#takeOver, this.#retry, this.#undo, this.#cancel)),
      h("section", { class: "card", "aria-label": text.counts }, h("h2", {}, text.counts), this.#counts, this.#newMembers),
      this.#rows.element, this.#timeline.element);
    this.element = h("article", {},
      h("a", { class: "back", href: "#/" }, "← ", strings.jobs.back),
      h("div", { class: "heading" }, this.#title, this.#badge), this.#options, this.#origin,
      this.#error, this.#note, this.#announcement, this.#body,
      this.#askCancel.element, this.#askUndo.element, this.#askDecline.element);
    fill(this.#note, text.loading);
  }

  start(): void {
    void this.#load();
    // A failed job may be retried, here or elsewhere.
    this.#watch = this.client.watch(this.id, {
      stay: true, onEvent: (e) => this.#update(e), onError: (e) => this.#showError(e),
    });
  }

  /** Whether rows are corrected that were not sent. */
  get correcting(): boolean {
    return this.#rows.correcting;
  }

  close(): void {
    this.#watch?.close();
    this.#rows.close();
    this.#askCancel.close();
    this.#askUndo.close();
    this.#askDecline.close();
  }

  #update(e: JobEvent): void {
    if (e.event === "reset") {
      this.#history = new History();
      return this.#timeline.set([]);
    }
    const before = this.#history.now;
    if (this.#history.add(e)) {
      this.#timeline.set(this.#history.steps);
      this.#refresh();
    }
    const now = this.#history.now;
    if (now && (before?.stage !== now.stage || before.status !== now.status)) {
      const what = say(text.announced, { stage: strings.stages[now.stage], status: strings.status[now.status] });
      fill(this.#announcement, what + " ", english(now.message));
    }
    this.#render();
  }

  // A fact means new counts, which come from REST.
  #refresh(): void {
    if (this.#loading) return;
    this.#loading = true;
    setTimeout(() => void this.#load(), 100);
  }

  async #load(): Promise<void> {
    this.#loading = false;
    try {
      this.#status = await this.client.status(this.id);
      fill(this.#note, "");
      this.#render();
      if (this.#status.validation_stats) this.#rows.refresh();
    } catch (e) {
      this.#showError(e as RollcallError);
    }
  }

  #showError(e: RollcallError): void {
    fill(this.#note, "");
    if (e.code === "not_found") fill(this.#error, strings.noSuchJob);
    else tell(this.#error, e);
  }

  #render(): void {
    const step = this.#timeline.chosen;
    const s = step?.state ?? this.#history.now;
    if (!s || !this.#status) return;
    this.#body.hidden = false;
    const { options, file_name } = this.#status;
    fill(this.#title, file_name);
    document.title = `${file_name} · ${strings.name}`;
    this.#badge.replaceChildren(badge(s.status));
    const asked = [options.dry_run && text.dryRun, options.skip_iec && text.withoutIEC,
      options.mode && text.modes[options.mode], options.allow_clear && text.allowClear];
    fill(this.#options, asked.filter(Boolean).join(", "));
    const origin = options.undoes ?? options.commits ?? options.follows;
    this.#origin.hidden = !origin;
    this.#origin.href = "#/jobs/" + (origin ?? "");
    fill(this.#origin, options.undoes ? text.undoes : options.commits ? text.commits : text.follows);
    this.#looking.hidden = !step;
    if (step) {
      const { steps } = this.#history;
      fill(this.#looking, say(strings.timeline.looking, { n: steps.indexOf(step) + 1, all: steps.length, time: time(s.at) }));
    }
    this.#stages.replaceChildren(stepper(s));
    this.#bar.set(s.percent);
    this.#bar.element.className = "bar " + s.status;
    fill(this.#percent, percent(s.percent));
    fill(this.#facts, describe(s, !step));
    const stopped = s.status === "failed" ? say(text.failedAt, { stage: strings.stages[s.stage] }) + " " : "";
    fill(this.#message, stopped, english(s.message));
    this.#message.className = "message " + s.status;
    this.#counts.replaceChildren(countsView(this.#status, s));
    const now = this.#history.now!;
    this.#cancel.hidden = isOver(now.status);
    this.#retry.hidden = !(isOver(now.status) && now.retryable);
    this.#undo.hidden = !isOver(now.status) || !now.known.members || !!options.dry_run || !!options.undoes ||
      now.reportGone === true;
    // Nobody decides about a job of their own.
    const { proposal, user_id, database_stats } = this.#status;
    const user = this.me?.user_id;
    const waits = now.status === "awaiting_approval";
    const decides = waits && user_id !== user && proposal?.asked_by !== user;
    this.#approval.hidden = !waits || decides;
    this.#approve.hidden = this.#decline.hidden = !decides;
    this.#takeOver.hidden = now.status !== "completed" || !database_stats?.transfers || user_id === user;
    this.#commit.hidden = now.status !== "completed" || !options.dry_run || now.reportGone === true;
    this.#commitHint.hidden = this.#commit.hidden || this.#may("write");
    this.#report.hidden = now.status !== "completed" || now.reportGone === true;
    this.#summary.hidden = this.#report.hidden;
    this.#newMembers.hidden = now.status !== "completed" || !database_stats?.inserts || !!options.dry_run ||
      !!options.undoes || !this.#may("read_report");
    this.#newMembers.href = "#/wards?job=" + this.id;
    this.#rejects.hidden = !now.known.rows || !!options.undoes || !hasRowsToFix(this.#status);
    // Hiding the focused button would lose the keyboard's place on the page.
    if ((document.activeElement as HTMLElement | null)?.hidden) this.#title.focus();
  }

  #may(permission: string): boolean {
    return !!this.me?.permissions.includes(permission);
  }

  async #run(button: HTMLButtonElement, action: () => Promise<unknown>): Promise<void> {
    button.disabled = true;
    fill(this.#error, "");
    try {
      await action();
    } catch (e) {
      this.#showError(e as RollcallError);
    } finally {
      button.disabled = false;
      // A disabled button loses the focus, at once or with the next frame.
      const active = document.activeElement as HTMLElement | null;
      if (!active || active === document.body || active.hidden) (button.hidden ? this.#title : button).focus();
    }
  }

  #download(button: HTMLButtonElement, part: "report" | "rejects" | "summary"): Promise<void> {
    fill(this.#note, text.fetching);
    return this.#run(button, async () => {
      try {
        const file = await (part === "summary" ? this.client.summary(this.id) : this.client.report(this.id, part));
        save(file.blob, file.fileName);
        fill(this.#note, say(text.saved, { name: file.fileName }));
      } catch (e) {
        fill(this.#note, "");
        throw e;
      }
    });
  }
}

/** Tells whether any row has to be corrected. */
const hasRowsToFix = ({ validation_stats: rows, database_stats: members }: Job) =>
  (rows?.total_records ?? 0) > (rows?.valid_records ?? 0) || (members?.errors ?? 0) + (members?.unknown ?? 0) > 0;

/** Says how far the job is and how long it takes. */
function describe(s: State, live: boolean): string {
  const all: string[] = [];
  if (s.total > 0 && !isOver(s.status)) all.push(say(text.rows, { done: s.processed, all: s.total }));
  if (live && s.eta && s.status === "processing") {
    const left = Date.parse(s.eta) - Date.now();
    all.push(left > 1500 ? say(text.left, { time: duration(left) }) : text.nearly);
  }
  if (s.status === "paused" && s.resumesAt) all.push(say(text.goesOn, { time: time(s.resumesAt) }));
  if (s.tookMS !== undefined && s.status === "completed") all.push(say(text.took, { time: duration(s.tookMS) }));
  return all.join(" · ");
}

import type { Job, JobEvent, ListedJob, RateLimit, Rollcall, SavedMapping } from "../../client/ts/src/index.js";
import { fill, h } from "./dom.ts";
import { speedOf } from "./estimate.ts";
import { FileCard } from "./filecard.ts";
import { strings } from "./strings.ts";

const text = strings.files;
const modes = ["upsert", "create", "update"] as const;

/** What a file needs to know of everything around it. */
export interface Surroundings {
  quota: RateLimit | undefined;
  /** Rows a millisecond. */
  speed: number;
  mappings: SavedMapping[];
}

/** The files that were dropped: what was found in each, and how it is to be started. */
export class FilesView {
  readonly #skipIEC = h("input", { type: "checkbox", id: "skip-iec", "aria-describedby": "skip-iec-hint",
    onchange: () => this.#render() });
  readonly #allowClear = h("input", { type: "checkbox", id: "allow-clear", "aria-describedby": "allow-clear-hint" });
  readonly #mode = h("select", { id: "mode" },
    ...modes.map((mode) => h("option", { value: mode }, text.modes[mode])));
  readonly #title = h("h1", { tabindex: "-1" }, text.title);
  readonly #all = h("div", { class: "actions", hidden: true },
    h("button", { type: "button", onclick: () => this.#startAll(true) }, text.checkAll),
    h("button", { type: "button", class: "primary", onclick: () => this.#startAll(false) }, text.writeAll));
  readonly #approval = h("p", { class: "hint", hidden: true }, text.waitsForApproval);
  readonly #none = h("p", { class: "hint" }, text.none);
  readonly #list = h("div", { class: "files" });
  readonly #options = h("details", { class: "card" }, h("summary", {}, text.options),
    option(this.#skipIEC, text.skipIEC, text.skipIECHint), option(this.#allowClear, text.allowClear, text.allowClearHint),
    h("div", { class: "field" }, h("label", { for: this.#mode.id }, text.mode), this.#mode));
  readonly element = h("article", {},
    h("a", { class: "back", href: "#/" }, "← ", strings.jobs.back),
    h("div", { class: "heading" }, this.#title, this.#all), this.#approval, this.#none, this.#list, this.#options);
  #cards: FileCard[] = [];
  #around: Surroundings = { quota: undefined, speed: speedOf([]), mappings: [] };

  constructor(readonly client: Rollcall, readonly changed: (files: number) => void, readonly begun: (job: string) => void) {}

  /** Adds files. Corrected rows follow a job, and go the way that it went. */
  add(files: File[], follows?: Job): void {
    if (follows) {
      this.#skipIEC.checked = !!follows.options.skip_iec;
      this.#allowClear.checked = !!follows.options.allow_clear;
      this.#mode.value = follows.options.mode ?? "upsert";
    }
    const cards = files.map((f) => new FileCard(this.client, f, follows, {
      options: () => ({
        iecVerification: !this.#skipIEC.checked, mode: modes[this.#mode.selectedIndex] ?? "upsert",
        allowClear: this.#allowClear.checked,
      }),
      around: () => this.#around,
      saved: () => void this.#load(),
      changed: () => this.#render(),
      remove: (card) => this.#remove(card),
      begun: (card, job) => this.#begun(card, job),
    }));
    // A card whose job is open elsewhere is done with.
    this.#cards = [...this.#cards.filter((c) => !c.job), ...cards];
    this.#render();
    void this.#load();
    void this.#inspect(cards);
  }

  // One file at a time: what the server may look at is bounded.
  async #inspect(cards: FileCard[]): Promise<void> {
    for (const card of cards) await card.inspect();
  }

  /** Says whether the person may write without somebody else's approval. */
  setMayWrite(may: boolean): void {
    this.#approval.hidden = may;
  }

  /** Whether a file is here that is not started. */
  get waiting(): boolean {
    return this.#cards.some((c) => !c.job);
  }

  focus(): void {
    this.#title.focus({ preventScroll: true });
  }

  update(e: JobEvent): void {
    for (const card of this.#cards) card.update(e);
  }

  async #load(): Promise<void> {
    const [quota, done, mappings] = await Promise.allSettled([
      this.client.rateLimit(), this.client.history({ status: "completed", pageSize: 20 }), this.client.mappings(),
    ]);
    // What is not known is left out: none of it is needed to start a file.
    const jobs: ListedJob[] = done.status === "fulfilled" ? done.value.jobs : [];
    this.#around = {
      quota: quota.status === "fulfilled" ? quota.value : undefined, speed: speedOf(jobs),
      mappings: mappings.status === "fulfilled" ? mappings.value : [],
    };
    this.#render();
  }

  #startAll(dryRun: boolean): void {
    for (const card of this.#cards) if (card.ready) void card.start(dryRun);
  }

  #remove(card: FileCard): void {
    this.#cards = this.#cards.filter((c) => c !== card);
    this.#render();
    this.focus();
  }

  #begun(card: FileCard, job: string): void {
    // One file alone leads to its job; of several each line shows where its job is.
    if (this.#cards.length === 1) this.#cards = [];
    this.#render();
    if (this.#cards.length === 0) location.hash = "#/jobs/" + job;
    this.begun(job);
  }

  #render(): void {
    for (const card of this.#cards) card.render();
    const elements = this.#cards.map((c) => c.element);
    // Putting an element where it is already would take the focus from it.
    if (elements.some((e, i) => this.#list.children[i] !== e) || this.#list.children.length !== elements.length) {
      this.#list.replaceChildren(...elements);
    }
    this.#none.hidden = this.#cards.length > 0;
    this.#all.hidden = this.#cards.filter((c) => c.ready).length < 2;
    this.#options.hidden = this.#cards.length === 0;
    this.changed(this.#cards.filter((c) => !c.job).length);
  }
}

const option = (box: HTMLInputElement, label: string, hint: string) =>
  h("div", { class: "option" }, box,
    h("div", {}, h("label", { for: box.id }, label), h("p", { id: box.id + "-hint", class: "hint" }, hint)));

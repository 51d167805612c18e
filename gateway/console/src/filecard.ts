import type { Inspection, Job, JobEvent, Mode, Rollcall, RollcallError } from "../../client/ts/src/index.js";
import { ColumnTable } from "./columntable.ts";
import { fill, h } from "./dom.ts";
import { estimate } from "./estimate.ts";
import type { Surroundings } from "./files.ts";
import { bytes, count, duration, percent } from "./format.ts";
import { ColumnChoices } from "./mapping.ts";
import { meter } from "./meter.ts";
import { english, tell } from "./problem.ts";
import { say, strings, wordFor } from "./strings.ts";

const text = strings.files;

interface Owner {
  options(): { iecVerification: boolean; mode: Mode; allowClear: boolean };
  around(): Surroundings;
  /** A mapping was saved. */
  saved(): void;
  changed(): void;
  remove(card: FileCard): void;
  begun(card: FileCard, job: string): void;
}

type Step = "looking" | "ready" | "sending" | "begun";

/** One file: what was found in it, what it will take, and the buttons that start it. */
export class FileCard {
  job = "";
  #step: Step = "looking";
  #found: Inspection | undefined;
  #looking: AbortController | undefined;
  readonly #choices = new ColumnChoices();
  readonly #columns: ColumnTable;
  readonly #bar: ReturnType<typeof meter>;
  readonly #facts = h("dl", { class: "found" });
  readonly #note = h("p", { class: "hint", role: "status" });
  readonly #warnings = h("ul", { class: "warnings" });
  readonly #error = h("p", { class: "error", role: "alert" });
  readonly #link = h("a", { hidden: true }, text.open);
  readonly #check = h("button", { type: "button", onclick: () => void this.start(true) }, text.check);
  readonly #write = h("button", { type: "button", class: "primary", onclick: () => void this.start(false) }, text.write);
  readonly #remove: HTMLButtonElement;
  readonly element: HTMLElement;

  constructor(readonly client: Rollcall, readonly file: File, readonly follows: Job | undefined,
    readonly owner: Owner) {
    this.#bar = meter(say(text.sending, { name: file.name }), "progressbar");
    this.#bar.element.hidden = true;
    this.#remove = h("button",
      { type: "button", class: "quiet", "aria-label": say(text.remove, { name: file.name }), onclick: () => this.#drop() }, text.removeShort);
    this.#columns = new ColumnTable(file.name, this.#choices, {
      changed: () => void this.inspect(),
      save: (name) => this.#save(name),
    });
    this.element = h("section", { class: "card file", "aria-label": file.name },
      h("div", { class: "heading" }, h("h2", {}, file.name), h("span", { class: "hint" }, bytes(file.size)), this.#remove),
      this.follows && h("p", { class: "hint" }, say(strings.fix.follows, { name: this.follows.file_name })),
      this.#bar.element, this.#note, this.#error, this.#facts, this.#warnings, this.#columns.element,
      h("div", { class: "actions" }, this.#check, this.#write, this.#link));
  }

  /** Whether it can be started. */
  get ready(): boolean {
    return this.#step === "ready" && !!this.#found && !this.#found.refusal;
  }

  /** Asks what would be read of the file, with the mapping as it is now. */
  async inspect(): Promise<void> {
    this.#looking?.abort();
    const asked = (this.#looking = new AbortController());
    this.#step = "looking";
    fill(this.#error, "");
    this.owner.changed();
    try {
      const mapping = this.#choices.mapping(this.#found?.columns ?? []);
      const found = await this.client.inspect(this.file, { ...(mapping && { mapping }), signal: asked.signal });
      if (asked.signal.aborted) return;
      this.#found = found;
      this.#step = "ready";
      if (found.refusal) tell(this.#error, found.refusal);
    } catch (e) {
      if (asked.signal.aborted) return;
      // With another choice it may be readable.
      this.#step = "ready";
      tell(this.#error, e);
      if ((e as RollcallError).code !== "bad_mapping") this.#found = undefined;
    }
    this.owner.changed();
  }

  /** Uploads the file. */
  async start(dryRun: boolean): Promise<void> {
    if (!this.ready) return;
    this.#step = "sending";
    fill(this.#error, "");
    this.#bar.set(0);
    this.owner.changed();
    const mapping = this.#choices.mapping(this.#found!.columns);
    try {
      this.job = await this.client.uploadResumed(this.file, {
        ...this.owner.options(), dryRun, ...(mapping && { mapping }), ...(this.follows && { follows: this.follows.job_id }),
        onProgress: (arrived, total) => {
          this.#bar.set((100 * arrived) / total);
          fill(this.#note, say(text.sending, { name: this.file.name }));
        },
        onWaiting: () => fill(this.#note, text.broken),
      });
      this.#step = "begun";
      fill(this.#note, text.begun);
      this.owner.begun(this, this.job);
    } catch (e) {
      this.#step = "ready";
      tell(this.#error, e);
      this.owner.changed();
    }
  }

  update(e: JobEvent): void {
    if (!this.job || e.data.job_id !== this.job || e.event === "reset") return;
    if (e.event === "bulk_upload_erased") return;
    // The bar is that of the upload, which is over.
    const done = "progress" in e.data ? ` ${percent(e.data.progress)}` : "";
    fill(this.#note, strings.status[e.data.status] + done);
  }

  #drop(): void {
    this.#looking?.abort();
    this.owner.remove(this);
  }

  async #save(name: string): Promise<void> {
    await this.client.saveMapping(name, this.#choices.toKeep(this.#found?.columns ?? []));
    this.owner.saved();
  }

  render(): void {
    const found = this.#found;
    const step = this.#step;
    this.element.dataset["step"] = step;
    this.element.setAttribute("aria-busy", String(step === "looking"));
    if (step === "looking") fill(this.#note, found ? text.lookingAgain : text.looking);
    if (step === "ready") fill(this.#note, found && !found.refusal ? where(found) : "");
    this.#bar.element.hidden = step !== "sending";
    for (const button of [this.#check, this.#write]) button.hidden = step === "begun" || step === "sending";
    for (const button of [this.#check, this.#write]) button.setAttribute("aria-disabled", String(!this.ready));
    this.#link.hidden = step !== "begun";
    this.#link.href = "#/jobs/" + this.job;
    this.#remove.hidden = step === "sending";
    const open = (step === "looking" || step === "ready") && !!found;
    this.#facts.hidden = this.#warnings.hidden = this.#columns.element.hidden = !open;
    if (!open) return;
    this.#columns.render(found, this.owner.around().mappings);
    this.#facts.replaceChildren(...(found.refusal ? [] : this.#tell(found)));
    this.#warnings.replaceChildren(...(found.file_warnings ?? []).map((w) => h("li", {}, english(w.message))));
  }

  /** What will be rejected, how many calls it needs, and how long it takes. */
  #tell(found: Inspection): HTMLElement[] {
    const { total_records: rows, valid_records: valid } = found.counts;
    const reasons = Object.entries(found.rejected ?? {}).sort((a, b) => b[1] - a[1])
      .map(([code, n]) => `${wordFor(strings.codes, code) ?? code}: ${count(n)}`);
    const facts = [
      fact("rows", text.rows, count(rows), ""),
      fact("rejected", text.rejected, count(rows - valid), reasons.join(", "), rows > valid),
    ];
    const { quota, speed } = this.owner.around();
    const withIEC = this.owner.options().iecVerification;
    if (quota) {
      const e = estimate(valid, withIEC, quota, speed);
      const left = say(text.left, { left: e.left, limit: e.limit });
      facts.push(
        fact("calls", text.calls, withIEC ? say(text.atMost, { n: e.calls }) : count(0), withIEC ? left : text.noCalls, e.waits),
        fact("time", text.time, say(text.about, { time: duration(e.time) }), e.waits ? text.waits : "", e.waits));
    }
    return facts;
  }
}

/** Says where in the file the rows are. */
function where({ sheets, sheet: i, header_row: row }: Inspection): string {
  const sheet = sheets[i]?.name;
  if (!sheet) return row > 0 ? say(text.header, { row }) : text.noHeader;
  return row > 0 ? say(text.sheetHeader, { sheet, row }) : say(text.sheetNoHeader, { sheet });
}

const fact = (name: string, label: string, value: string, more: string, bad = false) =>
  h("div", { "data-found": name, class: bad ? "bad" : null }, h("dt", {}, label),
    h("dd", {}, value, more && h("span", { class: "hint" }, more)));

import type { Rollcall } from "../../client/ts/src/index.js";
import { fill, h, save } from "./dom.ts";
import { meter } from "./meter.ts";
import { strings } from "./strings.ts";

const text = strings.upload;
const modes = ["upsert", "create", "update"] as const;

/** Uploads a spreadsheet that the person drops or chooses. */
export class Upload {
  readonly #dryRun = h("input", { type: "checkbox", id: "dry-run", "aria-describedby": "dry-run-hint" });
  readonly #skipIEC = h("input", { type: "checkbox", id: "skip-iec", "aria-describedby": "skip-iec-hint" });
  readonly #allowClear = h("input", { type: "checkbox", id: "allow-clear", "aria-describedby": "allow-clear-hint" });
  readonly #mode = h("select", { id: "mode" },
    ...modes.map((mode) => h("option", { value: mode }, text.modes[mode])));
  readonly #input = h("input", {
    type: "file", id: "file", class: "visually-hidden", accept: ".xlsx,.xls,.ods,.csv", tabindex: "-1", "aria-hidden": "true",
    onchange: () => this.#sendFirst(this.#input.files),
  });
  readonly #button = h("button",
    { type: "button", class: "primary", onclick: () => this.#input.click() }, text.choose);
  readonly #note = h("p", { class: "hint", role: "status" });
  readonly #error = h("p", { class: "error", role: "alert" });
  readonly #bar = meter(text.title, "progressbar");
  readonly element: HTMLElement;

  constructor(readonly client: Rollcall, readonly done: (job: string) => void) {
    const drop = h("div", { class: "drop" },
      h("p", { class: "pointer-only" }, text.drop, h("span", { class: "hint" }, text.or)),
      this.#button, this.#input, h("p", { class: "hint" }, text.kind));
    for (const name of ["dragover", "dragenter"]) {
      drop.addEventListener(name, (e) => {
        e.preventDefault();
        drop.classList.add("over");
      });
    }
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", (e) => {
      e.preventDefault();
      drop.classList.remove("over");
      this.#sendFirst(e.dataTransfer?.files ?? null);
    });
    // A file dropped beside the field must not replace the page.
    for (const name of ["dragover", "drop"]) document.addEventListener(name, (e) => e.preventDefault());
    this.#bar.element.hidden = true;
    this.element = h("section", { class: "card", "aria-label": text.title },
      h("h2", {}, text.title), drop, this.#bar.element, this.#note, this.#error,
      option(this.#dryRun, text.dryRun, text.dryRunHint), option(this.#skipIEC, text.skipIEC, text.skipIECHint),
      option(this.#allowClear, text.allowClear, text.allowClearHint),
      h("div", {}, h("label", { for: this.#mode.id }, text.mode), this.#mode),
      h("button", { type: "button", class: "quiet", onclick: () => void this.#saveTemplate() }, text.template));
  }

  #sendFirst(files: FileList | null): void {
    const file = files?.[0];
    if (file && !this.#button.disabled) void this.#send(file);
  }

  async #send(file: File): Promise<void> {
    fill(this.#error, "");
    if (!/\.(xlsx?|ods|csv)$/i.test(file.name)) return fill(this.#error, text.notARoll);
    this.#button.disabled = true;
    this.#bar.element.hidden = false;
    this.#bar.set(0);
    fill(this.#note, text.sending(file.name));
    try {
      const job = await this.client.uploadResumed(file, {
        dryRun: this.#dryRun.checked,
        iecVerification: !this.#skipIEC.checked,
        mode: modes[this.#mode.selectedIndex] ?? "upsert",
        allowClear: this.#allowClear.checked,
        onProgress: (arrived, total) => {
          this.#bar.set((100 * arrived) / total);
          fill(this.#note, text.sending(file.name));
        },
        onWaiting: () => fill(this.#note, text.broken),
      });
      this.done(job);
    } catch (e) {
      fill(this.#error, (e as Error).message);
    } finally {
      this.#button.disabled = false;
      this.#bar.element.hidden = true;
      this.#input.value = ""; // the same file can be chosen again
      fill(this.#note, "");
    }
  }

  async #saveTemplate(): Promise<void> {
    try {
      const file = await this.client.template();
      save(file.blob, file.fileName);
      fill(this.#error, "");
    } catch (e) {
      fill(this.#error, (e as Error).message);
    }
  }
}

const option = (box: HTMLInputElement, label: string, hint: string) =>
  h("div", { class: "option" }, box,
    h("div", {}, h("label", { for: box.id }, label), h("p", { id: box.id + "-hint", class: "hint" }, hint)));

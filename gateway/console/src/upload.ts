import type { Rollcall } from "../../client/ts/src/index.js";
import { fill, h, save } from "./dom.ts";
import { tell } from "./problem.ts";
import { sayCount, strings } from "./strings.ts";

const text = strings.upload;

/** Takes spreadsheets that the person drops or chooses. */
export class Upload {
  readonly #input = h("input", {
    type: "file", id: "file", class: "visually-hidden", accept: ".xlsx,.xls,.ods,.csv", multiple: true, tabindex: "-1",
    "aria-hidden": "true", onchange: () => this.#take(this.#input.files),
  });
  readonly #button = h("button",
    { type: "button", class: "primary", onclick: () => this.#input.click() }, text.choose);
  readonly #error = h("p", { class: "error", role: "alert" });
  readonly #prepared = h("a", { href: "#/files", hidden: true });
  readonly element: HTMLElement;

  constructor(readonly client: Rollcall, readonly add: (files: File[]) => void) {
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
      this.#take(e.dataTransfer?.files ?? null);
    });
    // A file dropped beside the field must not replace the page.
    for (const name of ["dragover", "drop"]) document.addEventListener(name, (e) => e.preventDefault());
    this.element = h("section", { class: "card", "aria-label": text.title },
      h("h2", {}, text.title), drop, this.#error, this.#prepared,
      h("button", { type: "button", class: "quiet", onclick: () => void this.#saveTemplate() }, text.template));
  }

  /** Says how many files are being prepared. */
  setPrepared(n: number): void {
    this.#prepared.hidden = n === 0;
    fill(this.#prepared, sayCount(text.prepared, n));
  }

  #take(list: FileList | null): void {
    const files = [...(list ?? [])];
    this.#input.value = ""; // the same file can be chosen again
    const rolls = files.filter((f) => /\.(xlsx?|f?ods|csv)$/i.test(f.name));
    fill(this.#error, rolls.length < files.length ? text.notARoll : "");
    if (rolls.length) this.add(rolls);
  }

  async #saveTemplate(): Promise<void> {
    try {
      const file = await this.client.template();
      save(file.blob, file.fileName);
      fill(this.#error, "");
    } catch (e) {
      tell(this.#error, e);
    }
  }
}

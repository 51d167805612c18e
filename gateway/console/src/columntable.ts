import type { InspectedColumn, Inspection, SavedMapping } from "../../client/ts/src/index.js";
import { fill, h } from "./dom.ts";
import { unchanged, type ColumnChoices } from "./mapping.ts";
import { tell } from "./problem.ts";
import { language, say, strings, wordFor } from "./strings.ts";

const text = strings.map;
const leaveOut = "-";

interface Owner {
  changed(): void;
  save(name: string): Promise<void>;
}

/** The columns of a file: header, first values, and the field that each is read as, which can be changed. */
export class ColumnTable {
  readonly #body = h("tbody");
  readonly #name = h("input", { type: "text", maxlength: 60, autocomplete: "off" });
  readonly #note = h("p", { class: "hint", role: "status" });
  readonly #error = h("p", { class: "error", role: "alert" });
  readonly #saved = h("select", { onchange: () => this.#use(this.#saved.value) });
  readonly #savedField: HTMLElement;
  readonly #offer = h("button", { type: "button", hidden: true, onclick: () => this.#use(this.#offered) });
  readonly #summary = h("summary");
  readonly element: HTMLDetailsElement;
  #offered = "";
  #found: Inspection | undefined;
  #mappings: SavedMapping[] = [];
  #shown = "";

  constructor(fileName: string, readonly choices: ColumnChoices, readonly owner: Owner) {
    const id = "map-" + Math.random().toString(36).slice(2);
    this.#saved.id = id + "-saved";
    this.#name.id = id + "-name";
    this.#savedField = h("div", { class: "field" }, h("label", { for: this.#saved.id }, text.saved), this.#saved);
    const form = h("form", { class: "save" },
      h("div", { class: "field" }, h("label", { for: this.#name.id }, text.name), this.#name),
      h("button", { type: "submit" }, text.save));
    // The page's policy forbids to submit forms.
    form.addEventListener("submit", (e) => {
      e.preventDefault();
      void this.#save();
    });
    this.element = h("details", { class: "columns-found" }, this.#summary,
      h("div", { class: "mappings" }, this.#offer, this.#savedField),
      h("table", { class: "map", "aria-label": say(text.title, { name: fileName }) },
        h("thead", {}, h("tr", {}, ...text.heads.map((head) => h("th", { scope: "col" }, head)))), this.#body),
      form, this.#note, this.#error);
  }

  render(found: Inspection, mappings: SavedMapping[]): void {
    const first = !this.#found;
    this.#found = found;
    this.#mappings = mappings;
    const unknown = found.columns.filter((c) => c.why === "unknown").length;
    if (first) this.element.open = unknown > 0 || !!found.refusal;
    const n = found.columns.length;
    fill(this.#summary, unknown ? say(text.summaryUnknown, { n, unknown }) : say(text.summary, { n }));
    this.#offered = found.mapping_offered?.name ?? "";
    this.#offer.hidden = !this.#offered || this.choices.size > 0;
    fill(this.#offer, say(text.use, { name: this.#offered }));
    this.#savedField.hidden = mappings.length === 0;
    const names = [text.noneSaved, ...mappings.map((m) => m.name)];
    if ([...this.#saved.options].map((o) => o.text).join("\n") !== names.join("\n")) {
      this.#saved.replaceChildren(...names.map((name, i) => h("option", { value: i ? name : "" }, name)));
    }
    const now = JSON.stringify(found.columns) + JSON.stringify(this.choices.mapping(found.columns) ?? {});
    if (now === this.#shown) return; // a menu that is open stays open
    this.#shown = now;
    const focused = (document.activeElement as HTMLElement | null)?.dataset?.["letter"];
    this.#body.replaceChildren(...found.columns.map((c) => this.#row(c)));
    if (focused) this.#body.querySelector<HTMLElement>(`[data-letter="${focused}"]`)?.focus();
  }

  #row(c: InspectedColumn): HTMLElement {
    const chosen = this.choices.get(c.letter);
    const field = chosen === unchanged ? c.field : chosen;
    const { letter, header } = c;
    const named = header ? say(text.readAs, { letter, header }) : say(text.readAsNoHeader, { letter });
    const select = h("select",
      { "data-letter": c.letter, "aria-label": named, onchange: () => this.#choose(c.letter, select.value) },
      h("option", { value: leaveOut, selected: field === null }, text.leaveOut),
      ...Object.entries(strings.fields).map(([name, label]) =>
        h("option", { value: name, selected: name === field }, label)));
    const why = chosen === unchanged ? whyOf(c) : text.chosen;
    const marked = chosen === unchanged && c.why === "unknown";
    return h("tr", { class: marked ? "unknown" : null, "data-column": c.letter },
      h("th", { scope: "row" }, h("span", { class: "letter" }, c.letter), " ", c.header || text.noHeader),
      h("td", { class: "values", "data-label": text.heads[1] }, c.values.join(" · ") || text.noValues),
      h("td", { "data-label": text.heads[2] }, select),
      h("td", { class: "why", "data-label": text.heads[3], title: c.message, lang: language === "en" ? null : "en" }, marked && h("span", { "aria-hidden": "true" }, "▲ "),
        why));
  }

  #choose(letter: string, value: string): void {
    this.choices.set(letter, value === leaveOut ? null : value);
    this.#saved.value = "";
    fill(this.#note, "");
    this.owner.changed();
  }

  /** Takes a mapping that is kept. */
  #use(name: string): void {
    const mapping = this.#mappings.find((m) => m.name === name) ??
      (this.#found?.mapping_offered?.name === name ? this.#found.mapping_offered : undefined);
    this.choices.use(mapping?.mapping ?? {}, this.#found?.columns ?? []);
    this.#saved.value = mapping?.name ?? "";
    fill(this.#note, mapping ? say(text.used, { name: mapping.name }) : "");
    this.owner.changed();
  }

  async #save(): Promise<void> {
    const name = this.#name.value.trim();
    fill(this.#error, "");
    fill(this.#note, "");
    if (!name) return this.#name.focus();
    try {
      await this.owner.save(name);
      fill(this.#note, say(text.kept, { name }));
    } catch (e) {
      tell(this.#error, e);
    }
  }
}

/** Why a column is read as it is. */
const whyOf = (c: InspectedColumn) =>
  c.why === "twice" ? say(text.why.twice, { used: c.used ?? "" })
    : wordFor(text.why as unknown as Record<string, string>, c.why) ?? c.message;

import type { Chapter, Rollcall, RollcallError, Story } from "../../client/ts/src/index.js";
import { fill, h } from "./dom.ts";
import { dateAndTime } from "./format.ts";
import { parts } from "./passport.ts";
import { tell } from "./problem.ts";
import { say, sayCount, strings } from "./strings.ts";

const text = strings.story;

/** The latest moment of a day in South Africa, which has no summer time. */
const endOf = (day: string) => `${day}T23:59:59.999+02:00`;

/**
 * Everything that jobs have said of one person. The ID number is kept in its field alone:
 * in no address, no title and no storage.
 */
export class StoryView {
  readonly #id = h("input", {
    id: "story-id", type: "text", inputmode: "numeric", autocomplete: "off", spellcheck: "false", required: true,
    maxlength: 30, "aria-describedby": "story-hint",
  });
  readonly #day = h("input", { id: "story-day", type: "date" });
  readonly #show = h("button", { class: "primary" }, text.show);
  readonly #print = h("button", { type: "button", hidden: true, onclick: () => print() }, text.print);
  readonly #note = h("p", { class: "facts", role: "status" });
  readonly #error = h("p", { class: "error", role: "alert" });
  readonly #chapters = h("div", { class: "chapters" });
  readonly element: HTMLElement;
  #asked = 0;

  constructor(readonly client: Rollcall, may: boolean) {
    const form = h("form", { class: "no-print", novalidate: true },
      h("div", { class: "fields" },
        h("p", {}, h("label", { for: "story-id" }, text.id), this.#id),
        h("p", {}, h("label", { for: "story-day" }, text.asOf), this.#day)),
      h("p", { class: "hint", id: "story-hint" }, text.audited),
      h("div", { class: "actions" }, this.#show, this.#print));
    // The page's policy forbids to submit forms: a number would be in the address.
    form.addEventListener("submit", (e) => {
      e.preventDefault();
      void this.#load();
    });
    this.element = h("article", {},
      h("a", { class: "back", href: "#/" }, "← ", strings.jobs.back),
      h("div", { class: "card story" }, h("h1", {}, text.title), h("p", { class: "hint no-print" }, may ? text.intro : text.mayNot),
        may && form, this.#error, this.#note),
      this.#chapters);
  }

  start(): void {
    document.title = `${text.title} · ${strings.name}`;
  }

  close(): void {
    this.#asked++;
    this.#id.value = "";
    this.#chapters.replaceChildren();
  }

  async #load(): Promise<void> {
    const asked = ++this.#asked;
    const digits = this.#id.value.replace(/[\s-]/g, "");
    const valid = /^\d{13}$/.test(digits);
    this.#chapters.replaceChildren();
    this.#print.hidden = true;
    if (valid) this.#id.removeAttribute("aria-invalid");
    else this.#id.setAttribute("aria-invalid", "true");
    fill(this.#error, valid ? "" : text.noNumber);
    fill(this.#note, valid ? text.looking : "");
    if (!valid) return this.#id.focus();
    try {
      const day = this.#day.value;
      const story = await this.client.memberStory(digits, day ? endOf(day) : undefined);
      if (asked === this.#asked) this.#tell(story);
    } catch (e) {
      if (asked !== this.#asked) return; // somebody else has been asked for since
      fill(this.#note, "");
      tell(this.#error, e);
    }
  }

  #tell(story: Story): void {
    const n = story.chapters.length;
    const found = { id: story.id, at: dateAndTime(story.as_of) };
    fill(this.#note, n === 0 ? say(text.foundNone, found) : sayCount(text.found, n, found));
    this.#print.hidden = story.chapters.length === 0;
    this.#chapters.replaceChildren(...story.chapters.map(chapterView));
  }
}

const approval = (who: string, at: string | undefined) =>
  at ? say(text.by, { who, at: dateAndTime(at) }) : say(text.byNoTime, { who });

function chapterView(c: Chapter): HTMLElement {
  const facts: [string, string][] = [
    [text.uploaded, say(text.by, { who: c.uploaded_by, at: dateAndTime(c.uploaded_at) })],
    [text.approved, c.approved_by ? approval(c.approved_by, c.approved_at) : text.notApproved],
  ];
  if (c.row) facts.push([text.row, String(c.row.row)]);
  return h("section", { class: "card chapter" },
    h("h2", {}, h("a", { href: `#/jobs/${c.job_id}` }, c.file_name)),
    h("dl", { class: "found" }, ...facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    c.row ? h("div", { class: "passport" }, ...parts(c.row)) : h("p", {}, text.removed));
}

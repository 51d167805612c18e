import { h } from "./dom.ts";

export interface Question {
  ask: string;
  hint?: string;
  yes: string;
  no: string;
  /** The label of a text that has to be given; none where there is no such text. */
  text?: string;
}

/** Asks before an action that cannot simply be undone. */
export class Confirm {
  readonly element: HTMLDialogElement;

  constructor(q: Question, action: (text: string) => void) {
    const input = q.text === undefined ? undefined : h("input", { type: "text", required: true, maxlength: 500 });
    this.element = h("dialog", { "aria-label": q.ask }, h("form", { method: "dialog" },
      h("p", {}, q.ask), q.hint && h("p", { class: "hint" }, q.hint),
      input && h("label", {}, q.text!, input),
      h("div", { class: "actions" },
        h("button", { value: "no", formnovalidate: true }, q.no), h("button", { value: "yes", class: "danger" }, q.yes))));
    // The page's policy forbids to submit forms, so the dialog closes itself.
    this.element.addEventListener("submit", (e) => {
      e.preventDefault();
      this.element.close(((e as SubmitEvent).submitter as HTMLButtonElement | null)?.value);
    });
    this.element.addEventListener("close", () => this.element.returnValue === "yes" && action(input?.value.trim() ?? ""));
  }

  open(): void {
    this.element.returnValue = "";
    this.element.showModal();
  }

  close(): void {
    this.element.close();
  }
}

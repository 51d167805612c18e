import { h } from "./dom.ts";

export interface Question {
  ask: string;
  hint?: string;
  yes: string;
  no: string;
}

/** Asks before an action that cannot simply be undone. */
export class Confirm {
  readonly element: HTMLDialogElement;

  constructor(q: Question, action: () => void) {
    this.element = h("dialog", { "aria-label": q.ask }, h("form", { method: "dialog" },
      h("p", {}, q.ask), q.hint && h("p", { class: "hint" }, q.hint),
      h("div", { class: "actions" },
        h("button", { value: "no" }, q.no), h("button", { value: "yes", class: "danger" }, q.yes))));
    // The page's policy forbids to submit forms, so the dialog closes itself.
    this.element.addEventListener("submit", (e) => {
      e.preventDefault();
      this.element.close(((e as SubmitEvent).submitter as HTMLButtonElement | null)?.value);
    });
    this.element.addEventListener("close", () => this.element.returnValue === "yes" && action());
  }

  open(): void {
    this.element.returnValue = "";
    this.element.showModal();
  }

  close(): void {
    this.element.close();
  }
}

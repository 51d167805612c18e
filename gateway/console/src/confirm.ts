import { h } from "./dom.ts";

export interface Question {
  ask: string;
  hint?: string;
  yes: string;
  no: string;
}

/** Confirm asks before something is done that cannot simply be taken back. */
export class Confirm {
  readonly element: HTMLDialogElement;

  constructor(q: Question, does: () => void) {
    this.element = h("dialog", { "aria-label": q.ask }, h("form", { method: "dialog" }, h("p", {}, q.ask), q.hint && h("p", { class: "hint" }, q.hint),
      h("div", { class: "actions" }, h("button", { value: "no" }, q.no), h("button", { value: "yes", class: "danger" }, q.yes))));
    // Not a form submission, which the page's policy forbids: the dialog answers by itself.
    this.element.addEventListener("submit", (e) => {
      e.preventDefault();
      this.element.close(((e as SubmitEvent).submitter as HTMLButtonElement | null)?.value);
    });
    this.element.addEventListener("close", () => this.element.returnValue === "yes" && does());
  }

  open(): void {
    this.element.returnValue = "";
    this.element.showModal();
  }

  close(): void {
    this.element.close();
  }
}

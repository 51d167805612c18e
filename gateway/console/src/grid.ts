import { h } from "./dom.ts";

interface Source {
  label: string;
  /** Makes the row of an index; it is made again whenever it comes into view. */
  row(i: number): HTMLElement;
  /** Rows up to this index are wanted. */
  need(upTo: number): void;
  /** A row was chosen by a click or the keyboard. */
  open(i: number): void;
}

// Rows that are kept ready above and below those that are seen.
const spare = 8;

const moves: Record<string, (at: number, page: number, last: number) => number> = {
  ArrowDown: (at) => at + 1, ArrowUp: (at) => at - 1, PageDown: (at, page) => at + page,
  PageUp: (at, page) => at - page, Home: () => 0, End: (_, __, last) => last,
};

/** A table of any number of rows of one height. Only those that are seen are in the page. */
export class Grid {
  readonly #head = h("div", { role: "rowgroup", class: "vhead" });
  readonly #body = h("div", { role: "rowgroup", class: "vbody" });
  readonly #probe = h("div", { class: "vrow", "aria-hidden": "true" });
  readonly #shown = new Map<number, HTMLElement>();
  readonly element: HTMLElement;
  #count = 0;
  #active = 0;
  #height = 0;
  #filling = false;

  constructor(readonly source: Source) {
    this.#probe.style.visibility = "hidden";
    this.element = h("div", { role: "grid", class: "vgrid", "aria-label": source.label, tabindex: "-1" }, this.#head, this.#body);
    this.element.addEventListener("scroll", () => this.render(), { passive: true });
    this.element.addEventListener("keydown", (e) => this.#move(e));
    new ResizeObserver(() => {
      this.#height = 0;
      this.refresh();
    }).observe(this.element);
  }

  setHead(...cells: HTMLElement[]): void {
    this.#head.replaceChildren(h("div", { role: "row", class: "vrow", "aria-rowindex": 1 }, ...cells));
  }

  /** Says whether rows hold fields to fill in, so that they are not opened and keys are those of the fields. */
  setFilling(filling: boolean): void {
    this.#filling = filling;
    this.element.classList.toggle("fixing", filling);
    this.#height = 0;
  }

  /** Says how many rows there are. */
  setCount(n: number): void {
    this.#count = n;
    this.#active = Math.min(this.#active, Math.max(0, n - 1));
    this.element.setAttribute("aria-rowcount", String(n + 1));
    this.render();
  }

  /** Makes the rows that are seen again. */
  refresh(): void {
    const had = this.#rowOfFocus();
    const field = this.#body.contains(document.activeElement) ? (document.activeElement as HTMLElement) : null;
    const [name, row] = [field?.dataset["fix"], field?.closest<HTMLElement>("[data-row]")?.dataset["row"]];
    for (const shown of this.#shown.values()) shown.remove();
    this.#shown.clear();
    this.render();
    if (had !== undefined) this.#shown.get(had)?.focus({ preventScroll: true });
    if (!name) return;
    this.#body.querySelector<HTMLElement>(`[data-row="${row}"] [data-fix="${name}"]`)?.focus({ preventScroll: true });
  }

  /** Puts the focus on the row that was chosen last. */
  focusActive(): void {
    this.#shown.get(this.#active)?.focus({ preventScroll: true });
  }

  toTop(): void {
    this.element.scrollTop = 0;
    this.#active = 0;
  }

  /** Brings a row into view and returns it. */
  reveal(i: number): HTMLElement | undefined {
    const { scrollTop, clientHeight } = this.element;
    const room = clientHeight - this.#head.offsetHeight;
    const top = i * this.#height;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + this.#height > scrollTop + room) this.element.scrollTop = top + this.#height - room;
    this.render();
    return this.#shown.get(i);
  }

  render(): void {
    if (!this.element.isConnected) return;
    if (!this.#height) {
      this.#body.append(this.#probe);
      this.#height = this.#probe.offsetHeight;
      this.#probe.remove();
      if (!this.#height) return; // not visible
    }
    this.#body.style.height = `${this.#count * this.#height}px`;
    const first = Math.max(0, Math.floor(this.element.scrollTop / this.#height) - spare);
    const last = Math.min(this.#count - 1,
      Math.ceil((this.element.scrollTop + this.element.clientHeight) / this.#height) + spare);
    for (const [i, row] of this.#shown) {
      if (i >= first && i <= last) continue;
      row.remove();
      this.#shown.delete(i);
    }
    let before: Element | null = this.#body.firstElementChild;
    for (let i = first; i <= last; i++) {
      let row = this.#shown.get(i);
      if (!row) {
        row = this.#make(i);
        this.#body.insertBefore(row, before); // in the order in which they are read out
        this.#shown.set(i, row);
      }
      before = row.nextElementSibling;
    }
    if (last >= 0) this.source.need(last);
  }

  #make(i: number): HTMLElement {
    const row = this.source.row(i);
    row.style.transform = `translateY(${i * this.#height}px)`;
    row.setAttribute("aria-rowindex", String(i + 2));
    if (!this.#filling) {
      row.tabIndex = i === this.#active ? 0 : -1;
      row.addEventListener("click", () => {
        this.#activate(i);
        this.source.open(i);
      });
    }
    return row;
  }

  #rowOfFocus(): number | undefined {
    for (const [i, row] of this.#shown) if (row === document.activeElement) return i;
    return undefined;
  }

  #activate(i: number): void {
    const old = this.#shown.get(this.#active);
    if (old) old.tabIndex = -1;
    this.#active = i;
    const row = this.reveal(i);
    if (!row) return;
    row.tabIndex = 0;
    row.focus({ preventScroll: true });
  }

  #move(e: KeyboardEvent): void {
    if (this.#filling || this.#rowOfFocus() === undefined) return;
    if (e.key === "Enter" || e.key === " ") {
      e.preventDefault();
      return this.source.open(this.#active);
    }
    const to = moves[e.key];
    if (!to) return;
    e.preventDefault();
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.#height) - 2);
    this.#activate(Math.max(0, Math.min(this.#count - 1, to(this.#active, page, this.#count - 1))));
  }
}

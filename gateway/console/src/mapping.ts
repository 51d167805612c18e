import type { InspectedColumn, Mapping } from "../../client/ts/src/index.js";

/** What stands in a mapping for a column that was not changed. */
export const unchanged = Symbol("unchanged");

const fold = (header: string) => header.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");

/** What the person says of the columns of a file, by their letters. */
export class ColumnChoices {
  readonly #chosen = new Map<string, string | null>();

  get(letter: string): string | null | typeof unchanged {
    const field = this.#chosen.get(letter);
    return field === undefined ? unchanged : field;
  }

  get size(): number {
    return this.#chosen.size;
  }

  /** Says that a column is a field, or null that it is left out. A field has one column. */
  set(letter: string, field: string | null): void {
    for (const [other, taken] of this.#chosen) if (field !== null && taken === field) this.#chosen.delete(other);
    this.#chosen.set(letter, field);
  }

  /** Says of the columns what a mapping that is kept says of them. */
  use(mapping: Mapping, columns: readonly InspectedColumn[]): void {
    this.#chosen.clear();
    for (const [name, field] of Object.entries(mapping)) {
      const column = columns.find((c) => fold(c.header) === fold(name)) ?? columns.find((c) => c.letter === name);
      if (column) this.set(column.letter, field);
    }
  }

  /** The mapping for the server; undefined where nothing was said. */
  mapping(columns: readonly InspectedColumn[]): Mapping | undefined {
    if (this.#chosen.size === 0) return undefined;
    return Object.fromEntries([...this.#chosen].map(([letter, field]) => [nameOf(letter, columns), field]));
  }

  /** The mapping to be kept: it has the columns, too, that were guessed by what they hold. */
  toKeep(columns: readonly InspectedColumn[]): Mapping {
    const guessed = columns.filter((c) => c.why === "content" && this.get(c.letter) === unchanged);
    return {
      ...Object.fromEntries(guessed.map((c) => [nameOf(c.letter, columns), c.field])), ...this.mapping(columns),
    };
  }
}

/** Names a column by its header, so that the mapping fits another file, where that is possible. */
function nameOf(letter: string, columns: readonly InspectedColumn[]): string {
  const header = columns.find((c) => c.letter === letter)?.header ?? "";
  const folded = fold(header);
  const alone = columns.filter((c) => fold(c.header) === folded).length === 1;
  return folded && alone && !/[*…]/.test(header) ? header : letter;
}

import type { en } from "./languages/en.ts";
import type { Words } from "./phrases.ts";

/** The languages of the page by their codes, each named in itself. */
export const languages = { en: "English", af: "Afrikaans", zu: "isiZulu", xh: "isiXhosa" } as const;
export type Language = keyof typeof languages;

/** What a file in languages has. */
export interface Translation {
  /** A speaker of the language has read all of it. */
  readonly reviewed: boolean;
  readonly texts: Words<typeof en>;
}

const known = (code: string): code is Language => Object.hasOwn(languages, code);

/** Returns the language that was chosen, else the first that the browser wants and the page has. */
export const pick = (chosen: string | null, wanted: readonly string[]): Language =>
  [chosen ?? "", ...wanted.map((tag) => tag.split("-")[0]!.toLowerCase())].find(known) ?? "en";

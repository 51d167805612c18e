// Everything that the console says, in the language of the person, except for the messages of the server.
import { en } from "./languages/en.ts";
import { type Language, pick, type Translation } from "./languages.ts";
import { type Counted, type Phrase, put, type Said, type Values } from "./phrases.ts";

const key = "rollcall-language";

/** Where English is part of the page, each other language is a file beside it. */
async function load(wanted: Language): Promise<[Language, Translation]> {
  if (wanted !== "en") {
    try {
      const file = (await import(new URL(`languages/${wanted}.js`, import.meta.url).href)) as { default: Translation };
      return [wanted, file.default];
    } catch {
      // A page in English is better than none.
    }
  }
  return ["en", { reviewed: true, texts: en }];
}

const [now, translation] = await load(pick(localStorage.getItem(key), navigator.languages));

export const language = now;
/** A speaker of the language has read what the page says. */
export const reviewed = translation.reviewed;
export const strings = translation.texts as unknown as Said<typeof en>;
/** How numbers and dates are written. English of South Africa stands in where the browser does not know the language. */
export const locales = [`${now}-ZA`, "en-ZA"];

document.documentElement.lang = now;

/** Chooses a language for the next time that the page is loaded. */
export const choose = (one: Language) => localStorage.setItem(key, one);

const numbers = new Intl.NumberFormat(locales);
const plurals = new Intl.PluralRules(`${now}-ZA`);

export const count = (n: number) => numbers.format(n);

const written = (values: Readonly<Record<string, string | number>>) =>
  Object.fromEntries(Object.entries(values).map(([name, v]) => [name, typeof v === "number" ? count(v) : v]));

/** Says a text with what belongs into its places. */
export const say = <P extends string>(text: Phrase<P>, values: Values<NoInfer<P>>): string =>
  put(text as unknown as string, written(values));

/** Says a text in the form for a number. */
export function sayCount<P extends string>(
  text: Counted<P>, n: number, ...values: [P] extends [never] ? [] : [Values<NoInfer<P>>]
): string {
  const forms = text as unknown as Record<string, string>;
  return put(forms[plurals.select(n)] ?? forms["other"]!, written({ ...values[0], n }));
}

/** What a name of the server is called, where the page has a word for it. */
export const wordFor = (words: Readonly<Record<string, string>>, name: string): string | undefined => words[name];

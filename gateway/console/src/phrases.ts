// What a text of the page is: with places that are filled in, or in forms for a number.

/** The names of the places in a text. */
type Places<S extends string> = S extends `${string}{${infer P}}${infer Rest}` ? P | Places<Rest> : never;

interface Forms {
  readonly one: string;
  readonly other: string;
}

declare const places: unique symbol;
declare const counted: unique symbol;

/** A text with places. It is no string, so that nobody shows it with its braces. */
export interface Phrase<P extends string> {
  readonly [places]: P;
}

/** A text in the forms that a number {n} asks for, with other places. */
export interface Counted<P extends string> {
  readonly [counted]: P;
}

/** Texts as the page uses them. */
export type Said<T> = T extends string ? ([Places<T>] extends [never] ? string : Phrase<Places<T>>)
  : T extends Forms ? Counted<Exclude<Places<T["one" | "other"]>, "n">>
  : { readonly [K in keyof T]: Said<T[K]> };

/** Texts as somebody translates them: no key more, and none less. */
export type Words<T> = T extends string ? string : { readonly [K in keyof T]: Words<T[K]> };

/** Numbers are written as the language does. */
export type Values<P extends string> = Readonly<Record<P, string | number>>;

/** Puts values into the places of a text. */
export const put = (text: string, values: Readonly<Record<string, string>>) =>
  text.replace(/\{(\w+)\}/g, (place, name: string) => values[name] ?? place);

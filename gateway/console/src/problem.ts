import { fill, h } from "./dom.ts";
import { language, say, strings, wordFor } from "./strings.ts";

/** A sentence of the server, which speaks English only: marked so, for whoever has pages read out. */
export const english = (sentence: string): HTMLElement | string =>
  language === "en" || !sentence ? sentence : h("span", { lang: "en" }, sentence);

/** An error that says so in the words of the page. */
export class OwnWords extends Error {}

/** Shows what went wrong. In another language than English that is what the page says of the most common codes. */
export function tell(el: Element, e: unknown): void {
  const { message, code = "" } = e as Error & { code?: string };
  if (language === "en" || e instanceof OwnWords) return fill(el, message);
  const known = wordFor(strings.errors, code);
  if (known) return fill(el, known);
  const whole = say(strings.inEnglish, { message: "\n" }).split("\n");
  fill(el, whole[0]!, english(message), whole[1]!);
}

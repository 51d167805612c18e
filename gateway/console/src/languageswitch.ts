import { Confirm } from "./confirm.ts";
import { h } from "./dom.ts";
import { type Language, languages } from "./languages.ts";
import { choose, language, reviewed, strings } from "./strings.ts";

const text = strings.language;

/** The menu of languages. The page is loaded again in the one that is chosen; it asks first where work would be lost. */
export function languageSwitch(holdsWork: () => boolean): HTMLElement {
  const menu = h("select", { "aria-label": text.label, "aria-describedby": reviewed ? null : "unreviewed", class: "language" },
    ...Object.entries(languages).map(([code, name]) =>
      h("option", { value: code, lang: code, selected: code === language }, name)));
  const change = (to: string) => {
    choose(to as Language);
    location.reload();
  };
  menu.addEventListener("change", () => {
    const to = menu.value;
    if (!holdsWork()) return change(to);
    menu.value = language;
    const question = new Confirm(text.question, () => change(to));
    question.element.addEventListener("close", () => question.element.remove());
    document.body.append(question.element);
    question.open();
  });
  return h("div", { class: "languages" }, menu, !reviewed && h("span", { id: "unreviewed", class: "hint" }, text.unreviewed));
}

type Child = Node | string | false | null | undefined;
/** The picture of the page, beside its program. */
export const icon = new URL("icon.svg", import.meta.url).href;

type Props = Record<string, unknown>;

/** Makes an element. Props named on* are listeners; true and false set an attribute or leave it out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K, props: Props = {}, ...children: Child[]
): HTMLElementTagNameMap[K] {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value as EventListener);
    else if (value === true) el.setAttribute(name, "");
    else if (value !== false && value != null) el.setAttribute(name, String(value));
  }
  el.append(...children.filter((c): c is Node | string => c instanceof Node || typeof c === "string"));
  return el;
}

/** Replaces the content of an element if it differs, so that a screen reader reads each change once. */
export function fill(el: Element, ...children: Child[]): void {
  const kept = children.filter((c): c is Node | string => c instanceof Node || typeof c === "string");
  if (kept.every((c) => typeof c === "string") && el.textContent === kept.join("")) return;
  el.replaceChildren(...kept);
}

/** Puts a text into the clipboard, also where the page came over plain HTTP. */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = h("textarea", { class: "visually-hidden", "aria-hidden": "true" });
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** Gives a file to the browser's downloads. */
export function save(blob: Blob, fileName: string): void {
  const url = URL.createObjectURL(blob);
  const link = h("a", { href: url, download: fileName, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  URL.revokeObjectURL(url);
}

import { Rollcall, RollcallError } from "../../client/ts/src/index.js";
import { fill, h } from "./dom.ts";
import { strings } from "./strings.ts";

const text = strings.signIn;

/** Asks for a token, and passes it on once the server has accepted it. */
export function signIn(why: string, done: (token: string) => void): HTMLElement {
  const input = h("input", {
    id: "token", type: "password", autocomplete: "off", spellcheck: "false", required: true,
    "aria-describedby": "token-hint sign-in-error",
  });
  const error = h("p", { id: "sign-in-error", class: "error", role: "alert" }, why);
  const button = h("button", { class: "primary", type: "submit" }, text.submit);
  const form = h("form", { novalidate: true, class: "card sign-in" },
    h("h1", {}, h("img", { src: "/assets/icon.svg", alt: "", width: 36, height: 36 }), strings.name),
    h("p", {}, text.intro),
    h("label", { for: "token" }, text.token), input,
    h("p", { id: "token-hint", class: "hint" }, text.hint),
    error, button);
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const token = input.value.trim();
    if (!token) return fill(error, text.empty), input.focus();
    button.disabled = true;
    fill(error, "");
    fill(button, text.checking);
    const client = new Rollcall({ url: location.origin, token });
    try {
      await client.history();
      done(token);
    } catch (e) {
      fill(error, e instanceof RollcallError && e.status !== 401 ? e.message : text.refused);
      input.setAttribute("aria-invalid", "true");
      input.focus();
    } finally {
      button.disabled = false;
      fill(button, text.submit);
    }
  });
  return form;
}

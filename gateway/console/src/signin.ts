import { Rollcall, RollcallError } from "../../client/ts/src/index.js";
import { fill, h } from "./dom.ts";
import type { Provider } from "./provider.ts";
import type { Ways } from "./session.ts";
import { strings } from "./strings.ts";

const text = strings.signIn;

/** What is done once somebody has shown who they are, or wants to show it elsewhere. */
export interface SignedIn {
  token: (token: string) => void;
  provider: (provider: Provider) => Promise<void>;
}

/** Shows the ways in: the organisation's provider, where there is one, and a token. */
export function signIn(why: string, ways: Ways, done: SignedIn): HTMLElement {
  const error = h("p", { id: "sign-in-error", class: "error", role: "alert" }, why);
  const form = tokenForm(error, done.token);
  const card = h("div", { class: "card sign-in" },
    h("h1", {}, h("img", { src: "/assets/icon.svg", alt: "", width: 36, height: 36 }), strings.name),
    h("p", {}, text.intro));
  if (ways.provider) {
    card.append(providerButton(ways.provider, error, done.provider), error,
      h("details", {}, h("summary", {}, text.withToken), form));
  } else {
    card.append(form);
    form.querySelector("input")!.dataset["first"] = "";
    form.insertBefore(error, form.lastElementChild);
  }
  return card;
}

/** Goes to the provider. */
function providerButton(
  provider: Provider, error: HTMLElement, go: (provider: Provider) => Promise<void>,
): HTMLElement {
  const button = h("button", { class: "primary", type: "button", "data-first": "" },
    text.withProvider(new URL(provider.issuer).host));
  button.addEventListener("click", async () => {
    button.disabled = true;
    fill(error, "");
    try {
      await go(provider);
    } catch {
      fill(error, text.noProvider);
      button.disabled = false;
      button.focus();
    }
  });
  return button;
}

/** Asks for a token, and passes it on once the server has accepted it. */
function tokenForm(error: HTMLElement, done: (token: string) => void): HTMLElement {
  const input = h("input", {
    id: "token", type: "password", autocomplete: "off", spellcheck: "false", required: true,
    "aria-describedby": "token-hint sign-in-error",
  });
  const button = h("button", { class: "primary", type: "submit" }, text.submit);
  const form = h("form", { novalidate: true },
    h("label", { for: "token" }, text.token), input,
    h("p", { id: "token-hint", class: "hint" }, text.hint), button);
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const token = input.value.trim();
    if (!token) return fill(error, text.empty), input.focus();
    button.disabled = true;
    fill(error, "");
    fill(button, text.checking);
    try {
      await new Rollcall({ url: location.origin, token }).me();
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

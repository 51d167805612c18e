import { Rollcall, RollcallError } from "../../client/ts/src/index.js";
import { fill, h, icon } from "./dom.ts";
import type { Provider } from "./provider.ts";
import type { Ways } from "./session.ts";
import { OwnWords, tell } from "./problem.ts";
import { say, strings } from "./strings.ts";

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
    h("h1", {}, h("img", { src: icon, alt: "", width: 36, height: 36 }), strings.name),
    h("p", {}, text.intro));
  if (ways.password?.set) {
    card.append(passwordForm(ways.password.user, error, done.token), h("details", {}, h("summary", {}, text.withToken), form));
  } else if (ways.provider) {
    card.append(providerButton(ways.provider, error, done.provider), error,
      h("details", {}, h("summary", {}, text.withToken), form));
  } else {
    if (ways.password) card.append(h("p", {}, text.notSet));
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
    say(text.withProvider, { host: new URL(provider.issuer).host }));
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

/** Sends a password to the server and returns the token. Throws an Error with a sentence. */
async function send(path: string, body: Record<string, string>, refusedAs: string): Promise<string> {
  let answer: { message?: string; data?: { token?: string }; error?: { code?: string } };
  try {
    const reply = await fetch(path, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    answer = (await reply.json()) as typeof answer;
  } catch {
    throw new OwnWords(strings.errors.network);
  }
  if (answer.data?.token) return answer.data.token;
  if (!answer.message) throw new OwnWords(text.failed);
  // Who is not let in with a password has none that is right.
  const code = answer.error?.code ?? "";
  throw new RollcallError(code === "unauthenticated" ? refusedAs : code, answer.message);
}

const field = (id: string, label: string, autocomplete: "current-password" | "new-password") => {
  const input = h("input", { id, type: "password", autocomplete, required: true, "aria-describedby": "sign-in-error" });
  return { input, parts: [h("label", { for: id }, label), input] };
};

/** The name of the administrator, for whoever keeps passwords. */
const nameField = (user: string) => [
  h("label", { for: "user" }, text.user),
  h("input", { id: "user", type: "text", autocomplete: "username", readonly: true, value: user }),
];

/** Submits a form once at a time, and shows what went wrong beside it. */
function submits(form: HTMLFormElement, error: HTMLElement, first: HTMLInputElement, action: () => Promise<void>): void {
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const button = form.querySelector("button")!;
    button.disabled = true;
    fill(error, "");
    try {
      await action();
    } catch (e) {
      tell(error, e);
      first.setAttribute("aria-invalid", "true");
      first.focus();
    } finally {
      button.disabled = false;
    }
  });
}

/** Asks the administrator for the password. */
function passwordForm(user: string, error: HTMLElement, done: (token: string) => void): HTMLElement {
  const { input, parts } = field("password", text.password, "current-password");
  input.dataset["first"] = "";
  const form = h("form", { novalidate: true }, ...nameField(user), ...parts, error,
    h("button", { class: "primary", type: "submit" }, text.submit));
  submits(form, error, input, async () => {
    if (!input.value) throw new OwnWords(text.noPassword);
    done(await send("/signin/password", { password: input.value }, "bad_password"));
  });
  return form;
}

/** Has the administrator set the password, with the code of the link on the terminal. */
export function setUp(code: string, user: string, done: (token: string) => void): HTMLElement {
  const error = h("p", { id: "sign-in-error", class: "error", role: "alert" });
  const one = field("password", text.newPassword, "new-password");
  const two = field("again", text.again, "new-password");
  one.input.dataset["first"] = "";
  one.input.setAttribute("aria-describedby", "password-hint sign-in-error");
  const form = h("form", { novalidate: true, class: "card sign-in" },
    h("h1", {}, h("img", { src: icon, alt: "", width: 36, height: 36 }), text.setUp),
    h("p", {}, text.setUpIntro), ...nameField(user), ...one.parts,
    h("p", { id: "password-hint", class: "hint" }, text.passwordHint), ...two.parts, error,
    h("button", { class: "primary", type: "submit" }, text.setUpSubmit));
  submits(form, error, one.input, async () => {
    if (one.input.value !== two.input.value) throw new OwnWords(text.differ);
    done(await send("/signin/setup", { code, password: one.input.value }, "bad_link"));
  });
  return form;
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
      if (e instanceof RollcallError && e.status !== 401) tell(error, e);
      else fill(error, text.refused);
      input.setAttribute("aria-invalid", "true");
      input.focus();
    } finally {
      button.disabled = false;
      fill(button, text.submit);
    }
  });
  return form;
}

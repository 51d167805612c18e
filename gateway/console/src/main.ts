import type { TokenSource } from "../../client/ts/src/index.js";
import { App } from "./app.ts";
import { Confirm } from "./confirm.ts";
import { h } from "./dom.ts";
import { isAnswer, NobodyThere, ProviderSession } from "./provider.ts";
import {
  forgetToken, isFromProvider, keepToken, type Offer, storedToken, takeOffer, takeSetUp, tokensOf, userOf, waysIn,
} from "./session.ts";
import { languageSwitch } from "./languageswitch.ts";
import { setUp, signIn } from "./signin.ts";
import { say, strings } from "./strings.ts";

const root = document.getElementById("app")!;
let app: App | null = null;
/** The session at the provider; null in one with a token of another kind. */
let session: ProviderSession | null = null;

function showApp(token: TokenSource): void {
  app?.close();
  app = new App(token, (why) => void leave(why));
  root.replaceChildren(...app.elements);
  app.start();
}

/** Shows the console with the tokens of a session at the provider. */
function showSession(of: ProviderSession): void {
  session = of;
  keepToken(of.current, "provider");
  showApp(tokensOf(of));
}

/** Ends the session: because the person wants to, or with a reason. */
async function leave(why: string): Promise<void> {
  const ended = session;
  session = null;
  forgetToken();
  app?.close();
  // Somebody whose session has ended may still be signed in at the provider, and wants to be.
  if (!why && ended && (await ended.end())) return;
  await showSignIn(why);
}

async function showSignIn(why = ""): Promise<void> {
  app?.close();
  app = null;
  const ways = await waysIn();
  const view = signIn(why, ways, {
    token: (token) => {
      keepToken(token);
      showApp(token);
    },
    provider: (provider) => new ProviderSession(provider).begin(location.hash),
  });
  document.title = `${strings.signIn.title} · ${strings.name}`;
  root.replaceChildren(h("main", { id: "content", class: "alone" }, view, languageSwitch(() => false)));
  view.querySelector<HTMLElement>("[data-first]")!.focus();
}

/** Shows the page for the administrator's first password, where none is set yet. */
async function showSetUp(code: string): Promise<void> {
  const { password } = await waysIn();
  if (!password || password.set) return showSignIn();
  app?.close();
  app = null;
  const view = setUp(code, password.user, (token) => {
    session = null;
    keepToken(token);
    showApp(token);
  });
  root.replaceChildren(h("main", { id: "content", class: "alone" }, view, languageSwitch(() => false)));
  view.querySelector<HTMLElement>("[data-first]")!.focus();
}

/** Begins the session that a link offers. */
function accept(offer: Offer): void {
  history.replaceState(null, "", location.pathname + offer.page);
  session = null;
  keepToken(offer.token);
  showApp(offer.token);
}

let question: Confirm | null = null;

/** Asks whether the session that a link offers may replace the one that there is. */
async function ask(offer: Offer, token: string): Promise<void> {
  const [now, other] = await Promise.all([userOf(token), userOf(offer.token)]);
  question?.close();
  const { ask, hint, yes, no } = strings.otherSession;
  const names = { now: now || strings.nobody, other: other || strings.nobody };
  const here = new Confirm({ ask: say(ask, names), hint: say(hint, names), yes: say(yes, names), no: say(no, names) },
    () => accept(offer));
  here.element.addEventListener("close", () => here.element.remove());
  document.body.append(here.element);
  here.open();
  question = here;
}

function consider(offer: Offer): void {
  const token = storedToken();
  if (!token || token === offer.token) accept(offer);
  else void ask(offer, token);
}

// Opening a second link with a token in the same tab only changes the fragment.
addEventListener("hashchange", (e) => {
  const code = takeSetUp();
  if (code) return void showSetUp(code);
  const given = location.hash.startsWith("#token=");
  const before = new URL(e.oldURL).hash;
  const offer = takeOffer(before.startsWith("#token=") ? "" : before);
  if (offer) consider(offer);
  else if (!given) app?.route();
});

/** Goes on with the session of before this page was loaded, where there is one. */
async function resume(token: string): Promise<void> {
  const provider = isFromProvider() ? (await waysIn()).provider : null;
  if (!provider) return showApp(token);
  const kept = new ProviderSession(provider, token);
  if (kept.lost) {
    try {
      return await kept.begin(location.hash, true);
    } catch {
      // The provider cannot be reached. The token is good until it expires.
    }
  }
  showSession(kept);
}

/** Ends a visit at the provider. */
async function finish(): Promise<void> {
  const { provider } = await waysIn();
  if (!provider) return showSignIn();
  const fresh = new ProviderSession(provider);
  try {
    await fresh.finish();
    showSession(fresh);
  } catch (e) {
    forgetToken();
    await showSignIn(e instanceof NobodyThere ? strings.signIn.expired : strings.signIn.failed);
  }
}

const code = takeSetUp();
const offer = takeOffer("");
const token = storedToken();
if (code) void showSetUp(code);
else if (isAnswer()) void finish();
else {
  if (token) void resume(token);
  else if (!offer) void showSignIn();
  if (offer) consider(offer);
}

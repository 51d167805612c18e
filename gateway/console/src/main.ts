import { App } from "./app.ts";
import { Confirm } from "./confirm.ts";
import { h } from "./dom.ts";
import { forgetToken, keepToken, type Offer, storedToken, takeOffer, userOf } from "./session.ts";
import { signIn } from "./signin.ts";
import { strings } from "./strings.ts";

const root = document.getElementById("app")!;
let app: App | null = null;

function showApp(token: string): void {
  app = new App(token, (why) => {
    forgetToken();
    showSignIn(why);
  });
  root.replaceChildren(...app.elements);
  app.start();
}

function showSignIn(why = ""): void {
  app?.close();
  app = null;
  const view = signIn(why, (token) => {
    keepToken(token);
    showApp(token);
  });
  root.replaceChildren(h("main", { id: "content", class: "alone" }, view));
  view.querySelector<HTMLElement>("input")!.focus();
}

/** Begins the session that a link offers. */
function accept(offer: Offer): void {
  app?.close();
  history.replaceState(null, "", location.pathname + offer.page);
  keepToken(offer.token);
  showApp(offer.token);
}

let question: Confirm | null = null;

/** Asks whether the session that a link offers may replace the one that there is. */
function ask(offer: Offer, token: string): void {
  question?.close();
  const text = strings.otherSession(userOf(token) || strings.nobody, userOf(offer.token) || strings.nobody);
  const here = new Confirm(text, () => accept(offer));
  here.element.addEventListener("close", () => here.element.remove());
  document.body.append(here.element);
  here.open();
  question = here;
}

function consider(offer: Offer): void {
  const token = storedToken();
  if (!token || token === offer.token) accept(offer);
  else ask(offer, token);
}

// Opening a second link with a token in the same tab only changes the fragment.
addEventListener("hashchange", (e) => {
  const given = location.hash.startsWith("#token=");
  const before = new URL(e.oldURL).hash;
  const offer = takeOffer(before.startsWith("#token=") ? "" : before);
  if (offer) consider(offer);
  else if (!given) app?.route();
});

const offer = takeOffer("");
const token = storedToken();
if (token) showApp(token);
else if (!offer) showSignIn();
if (offer) consider(offer);

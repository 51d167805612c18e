import { App } from "./app.ts";
import { h } from "./dom.ts";
import { forgetToken, keepToken, takeToken } from "./session.ts";
import { signIn } from "./signin.ts";

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

// Opening a second link with a token in the same tab only changes the fragment.
addEventListener("hashchange", () => {
  if (!location.hash.startsWith("#token=")) return app?.route();
  app?.close();
  showApp(takeToken()!);
});

const token = takeToken();
if (token) showApp(token);
else showSignIn();

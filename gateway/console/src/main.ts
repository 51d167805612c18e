import { App } from "./app.ts";
import { h } from "./dom.ts";
import { forgetToken, keepToken, takeToken } from "./session.ts";
import { signIn } from "./signin.ts";

const root = document.getElementById("app")!;
let app: App | null = null;

function start(token: string): void {
  app = new App(token, (why) => {
    forgetToken();
    leave(why);
  });
  root.replaceChildren(...app.elements);
  app.start();
}

function leave(why = ""): void {
  app?.close();
  app = null;
  const view = signIn(why, (token) => {
    keepToken(token);
    start(token);
  });
  root.replaceChildren(h("main", { id: "content", class: "alone" }, view));
  view.querySelector<HTMLElement>("input")!.focus();
}

// A second link with a token, opened in the same tab, only changes the fragment.
addEventListener("hashchange", () => {
  if (!location.hash.startsWith("#token=")) return app?.route();
  app?.close();
  start(takeToken()!);
});

const token = takeToken();
if (token) start(token);
else leave();

import { Rollcall, type TokenSource } from "../../client/ts/src/index.js";
import { ProviderSession, type Provider } from "./provider.ts";

const key = "rollcall-token";
const kindKey = "rollcall-kind";

export const storedToken = () => sessionStorage.getItem(key);

/** Whether the stored token came from the provider. */
export const isFromProvider = () => sessionStorage.getItem(kindKey) === "provider";

/** The ways in that the server has, beside a token. */
export interface Ways {
  provider: Provider | null;
  password: { user: string; set: boolean } | null;
}

/** Asks the server for the ways in. A server that cannot say has none. */
export async function waysIn(): Promise<Ways> {
  try {
    const answer = await fetch("/signin", { headers: { Accept: "application/json" } });
    if (answer.ok) return (await answer.json()) as Ways;
  } catch {
    // The form for a token says so when it is used.
  }
  return { provider: null, password: null };
}

/** A token that a link hands over, and the page that the link wants to show, as #/jobs/JOB or "". */
export interface Offer {
  token: string;
  page: string;
}

/**
 * Takes the token out of the address, where a link may hand one over in its fragment, which no
 * server or log ever sees. The address gets the page before it instead. Nothing is kept yet: a
 * link must not replace a session by itself.
 */
export function takeOffer(before: string): Offer | null {
  const found = /^#token=([^&]*)(?:&(.*))?$/.exec(location.hash);
  if (!found) return null;
  history.replaceState(null, "", location.pathname + before);
  return /^[\w.-]+$/.test(found[1]!) ? { token: found[1]!, page: found[2] ? "#" + found[2] : "" } : null;
}

/** Takes the code for setting the administrator's password out of the address; "" is none. */
export function takeSetUp(): string {
  const code = /^#setup=(\w+)$/.exec(location.hash)?.[1] ?? "";
  if (code) history.replaceState(null, "", location.pathname);
  return code;
}

/** Keeps a token for this tab. */
export function keepToken(token: string, kind: "given" | "provider" = "given"): void {
  sessionStorage.setItem(key, token);
  sessionStorage.setItem(kindKey, kind);
  if (kind === "given") ProviderSession.forget();
}

export function forgetToken(): void {
  sessionStorage.removeItem(key);
  sessionStorage.removeItem(kindKey);
  ProviderSession.forget();
}

/** Where the client gets its tokens from in a session at the provider. */
export const tokensOf = (session: ProviderSession): TokenSource =>
  () => session.token((token) => keepToken(token, "provider"));

/** Asks the server whom it takes a token for; "" when it does not say. */
export async function userOf(token: string): Promise<string> {
  try {
    return (await new Rollcall({ url: location.origin, token }).me()).user_id;
  } catch {
    return "";
  }
}

const key = "rollcall-token";

export const storedToken = () => sessionStorage.getItem(key);

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

export const keepToken = (token: string) => sessionStorage.setItem(key, token);
export const forgetToken = () => sessionStorage.removeItem(key);

/** Returns the user that a token names. Only the server can tell whether that is true. */
export function userOf(token: string): string {
  try {
    const part = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(part), (c) => c.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown; id?: unknown };
    return String(claims.sub ?? claims.id ?? "").slice(0, 128);
  } catch {
    return ""; // not a JWT; the server will refuse it
  }
}

const key = "rollcall-token";

/**
 * Returns the token of this tab. A link may hand one over in its fragment, which no server
 * or log ever sees. It is removed from the address at once.
 */
export function takeToken(): string | null {
  const found = /^#token=([\w.-]+)(?:&(.*))?$/.exec(location.hash);
  if (found) {
    sessionStorage.setItem(key, found[1]!);
    history.replaceState(null, "", location.pathname + (found[2] ? "#" + found[2] : ""));
  }
  return sessionStorage.getItem(key);
}

export const keepToken = (token: string) => sessionStorage.setItem(key, token);
export const forgetToken = () => sessionStorage.removeItem(key);

/** Returns the user that a token names. Only the server can tell whether that is true. */
export function userOf(token: string): string {
  try {
    const part = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(part), (c) => c.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: string; id?: string };
    return claims.sub ?? claims.id ?? "";
  } catch {
    return ""; // not a JWT; the server will refuse it
  }
}

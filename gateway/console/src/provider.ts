import * as oauth from "../third_party/oauth4webapi/index.js";
import { RollcallError } from "../../client/ts/src/index.js";
import { expiry } from "../../client/ts/src/token.js";

/** The organisation's OpenID provider, as the server names it. */
export interface Provider {
  issuer: string;
  client_id: string;
  audience: string;
  scopes: string[];
  token: "access_token" | "id_token";
}

/** What is kept while the browser is at the provider. It is good for one answer. */
interface Pending {
  state: string;
  nonce: string;
  verifier: string;
  page: string; // the fragment to come back to
  silent: boolean;
}

const pendingKey = "rollcall-sign-in";
const renewableKey = "rollcall-renewable";
// Milliseconds before its end from which on a token is as good as expired.
const margin = 30_000;

/** Where the provider sends the browser back to: one address, without a parameter of ours. */
const redirectURI = () => location.origin + "/signed-in";

export const isAnswer = () => location.pathname === "/signed-in";

/** The provider has nobody signed in, so that it would have to ask. */
export class NobodyThere extends Error {}

/**
 * A session at the provider. Refresh tokens are in the memory of the page alone: where a tab is
 * restored or copied, none comes with it. A page that is loaded again gets a new one from the
 * provider, without a question as long as it knows the person.
 */
export class ProviderSession {
  readonly #provider: Provider;
  #server: oauth.AuthorizationServer | undefined;
  #token = "";
  #refresh = "";
  #subject: string | undefined;
  #given = false; // the token was handed out already

  constructor(provider: Provider, token = "") {
    this.#provider = provider;
    this.#token = token;
  }

  get #client(): oauth.Client {
    return { client_id: this.#provider.client_id };
  }

  /** The server only names a provider without TLS that is on this machine. */
  get #options() {
    return { [oauth.allowInsecureRequests]: new URL(this.#provider.issuer).protocol === "http:" };
  }

  async #discover(): Promise<oauth.AuthorizationServer> {
    if (this.#server) return this.#server;
    const issuer = new URL(this.#provider.issuer);
    const answer = await oauth.discoveryRequest(issuer, this.#options);
    return (this.#server = await oauth.processDiscoveryResponse(issuer, answer));
  }

  /** Goes to the provider. A silent visit comes back at once, signed in or not. */
  async begin(page: string, silent = false): Promise<void> {
    const server = await this.#discover();
    const pending: Pending = {
      state: oauth.generateRandomState(), nonce: oauth.generateRandomNonce(),
      verifier: oauth.generateRandomCodeVerifier(), page, silent,
    };
    const address = new URL(server.authorization_endpoint!);
    const { client_id, scopes, audience } = this.#provider;
    const parameters: Record<string, string> = {
      client_id, redirect_uri: redirectURI(), response_type: "code", scope: scopes.join(" "),
      state: pending.state, nonce: pending.nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(pending.verifier), code_challenge_method: "S256",
    };
    if (audience) parameters["audience"] = audience;
    if (silent) parameters["prompt"] = "none";
    for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
    sessionStorage.setItem(pendingKey, JSON.stringify(pending));
    location.assign(address);
  }

  /**
   * Takes the provider's answer out of the address, and returns the page to go on with. Throws
   * NobodyThere when a silent visit found nobody, anything else when the answer is not to be believed.
   */
  async finish(): Promise<string> {
    const answer = new URL(location.href);
    history.replaceState(null, "", "/");
    const kept = sessionStorage.getItem(pendingKey);
    sessionStorage.removeItem(pendingKey);
    if (!kept) throw new Error("no sign-in was begun in this tab");
    const { state, nonce, verifier, page, silent } = JSON.parse(kept) as Pending;
    history.replaceState(null, "", "/" + page);
    const server = await this.#discover();
    let parameters: URLSearchParams;
    try {
      parameters = oauth.validateAuthResponse(server, this.#client, answer, state);
    } catch (e) {
      if (silent && e instanceof oauth.AuthorizationResponseError) throw new NobodyThere(e.error);
      throw e;
    }
    const reply = await oauth.authorizationCodeGrantRequest(server, this.#client, oauth.None(), parameters,
      redirectURI(), verifier, this.#options);
    this.#take(await oauth.processAuthorizationCodeResponse(server, this.#client, reply,
      { expectedNonce: nonce, requireIdToken: true }));
    return page;
  }

  #take(tokens: oauth.TokenEndpointResponse): void {
    const subject = oauth.getValidatedIdTokenClaims(tokens)?.sub;
    if (subject !== undefined && subject !== (this.#subject ?? subject)) throw new Error("the tokens are of another person");
    this.#subject ??= subject;
    const token = tokens[this.#provider.token];
    if (typeof token !== "string") throw new Error(`the provider gave no ${this.#provider.token}`);
    this.#token = token;
    this.#given = false;
    if (tokens.refresh_token) this.#refresh = tokens.refresh_token;
    if (this.#refresh) sessionStorage.setItem(renewableKey, "yes");
    else sessionStorage.removeItem(renewableKey);
  }

  /** The token that there is, for whoever keeps it. */
  get current(): string {
    return this.#token;
  }

  /** Whether the provider gave out a refresh token, which the load of this page has lost. */
  get lost(): boolean {
    return !this.#refresh && sessionStorage.getItem(renewableKey) !== null;
  }

  /** Returns a good token: for the client, which asks again shortly before the end of one. */
  async token(renewed: (token: string) => void): Promise<string> {
    const left = expiry(this.#token) - Date.now();
    if (left > margin && !this.#given) {
      this.#given = true;
      return this.#token;
    }
    if (!this.#refresh) {
      if (left > 0) return this.#token;
      throw new RollcallError("unauthenticated", "the session has ended");
    }
    try {
      const server = await this.#discover();
      const reply = await oauth.refreshTokenGrantRequest(server, this.#client, oauth.None(), this.#refresh, this.#options);
      this.#take(await oauth.processRefreshTokenResponse(server, this.#client, reply));
    } catch (e) {
      // The provider says no; anything else may be over by the next attempt.
      if (e instanceof oauth.ResponseBodyError) throw new RollcallError("unauthenticated", "the session has ended");
      throw e;
    }
    this.#given = true;
    renewed(this.#token);
    return this.#token;
  }

  /** Forgets the session here and ends it at the provider. Resolves to whether the browser leaves. */
  async end(): Promise<boolean> {
    const refresh = this.#refresh;
    this.#refresh = this.#token = "";
    ProviderSession.forget();
    try {
      const server = await this.#discover();
      if (refresh && server.revocation_endpoint) {
        await oauth.revocationRequest(server, this.#client, oauth.None(), refresh,
          { ...this.#options, signal: AbortSignal.timeout(3_000) }).catch(() => undefined);
      }
      if (!server.end_session_endpoint) return false;
      // Without a hint of who it is: that would be a token in an address.
      const address = new URL(server.end_session_endpoint);
      address.searchParams.set("client_id", this.#provider.client_id);
      address.searchParams.set("post_logout_redirect_uri", location.origin + "/");
      location.assign(address);
      return true;
    } catch {
      return false; // the provider cannot be reached; here it is over
    }
  }

  static forget(): void {
    sessionStorage.removeItem(renewableKey);
    sessionStorage.removeItem(pendingKey);
  }
}

import type { Clock } from "./clock.js";
import { RollcallError } from "./error.js";

export type TokenSource = string | (() => string | Promise<string>);

/** A token is replaced at the latest this many milliseconds before it expires. */
const margin = 30_000;

/** The newest token of a source. */
export class Tokens {
  readonly #source: TokenSource;
  readonly #clock: Clock;
  #token = "";
  #renewAt = 0;
  #pending: Promise<string> | undefined;

  constructor(source: TokenSource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  /** Whether the source can replace an expired token. */
  get renewable(): boolean {
    return typeof this.#source === "function";
  }

  /** When to ask for the next token, in milliseconds since 1970; Infinity for never. */
  get renewAt(): number {
    return this.renewable ? this.#renewAt : Infinity;
  }

  /** Returns the token, a fresh one if the last one is about to expire. */
  async get(): Promise<string> {
    if (this.#token !== "" && this.#clock.now() < this.renewAt) return this.#token;
    return this.fresh();
  }

  /** Asks the source for a token, once for all who wait. */
  fresh(): Promise<string> {
    this.#pending ??= this.#ask().finally(() => (this.#pending = undefined));
    return this.#pending;
  }

  async #ask(): Promise<string> {
    let token: string;
    try {
      token = typeof this.#source === "function" ? await this.#source() : this.#source;
    } catch (cause) {
      if (cause instanceof RollcallError) throw cause;
      throw new RollcallError("token_source", "You could not be signed in at the moment.", { cause });
    }
    this.#token = token;
    const expires = expiry(token);
    this.#renewAt = expires - Math.min(margin, Math.max(0, expires - this.#clock.now()) / 5);
    return token;
  }
}

/** When a JWT expires, in milliseconds since 1970; Infinity if it does not say. */
export function expiry(token: string): number {
  try {
    const part = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    const claims = JSON.parse(atob(part)) as { exp?: unknown };
    return typeof claims.exp === "number" ? claims.exp * 1000 : Infinity;
  } catch {
    return Infinity; // not a JWT; the server will refuse it
  }
}

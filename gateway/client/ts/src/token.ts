import type { Clock } from "./clock.js";
import { RollcallError } from "./error.js";

export type TokenSource = string | (() => string | Promise<string>);

/** A token that has this much of its life left, at most, is asked for anew. */
const margin = 30_000;

/** Tokens keeps the newest token of a source. */
export class Tokens {
  readonly #source: TokenSource;
  readonly #clock: Clock;
  #token = "";
  #renewAt = 0;
  #asked: Promise<string> | undefined;

  constructor(source: TokenSource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  /** Whether a token that has expired can be replaced. */
  get renewable(): boolean {
    return typeof this.#source === "function";
  }

  /** When to ask for the next token, in milliseconds since 1970; Infinity for never. */
  get renewAt(): number {
    return this.renewable ? this.#renewAt : Infinity;
  }

  /** The token, a fresh one if the last one is about to end. */
  async get(): Promise<string> {
    if (this.#token !== "" && this.#clock.now() < this.renewAt) return this.#token;
    return this.fresh();
  }

  /** Asks the source, once for all who wait. */
  fresh(): Promise<string> {
    this.#asked ??= this.#ask().finally(() => (this.#asked = undefined));
    return this.#asked;
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
    const ends = expiry(token);
    this.#renewAt = ends - Math.min(margin, Math.max(0, ends - this.#clock.now()) / 5);
    return token;
  }
}

/** When a JWT ends by its own word, in milliseconds since 1970; Infinity when it does not say. */
export function expiry(token: string): number {
  try {
    const part = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    const claims = JSON.parse(atob(part)) as { exp?: unknown };
    return typeof claims.exp === "number" ? claims.exp * 1000 : Infinity;
  } catch {
    return Infinity; // no JWT; the server will say so
  }
}

import type { Clock } from "./clock.js";
import { backoff } from "./clock.js";
import { RollcallError, unauthenticated } from "./error.js";
import { parseFrame, type Frame } from "./events.js";
import type { Tokens } from "./token.js";

/** What is used of a WebSocket: the global one, or that of the package ws. */
export interface SocketLike {
  // The two declare different events; of these, only data and code are used.
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

export type SocketConstructor = new (url: string, protocols: string[]) => SocketLike;

/** waiting: for the next attempt. closed: there will be none. */
export type ConnectionState = "connecting" | "open" | "waiting" | "closed";

/** What a connection tells its owner. */
export interface SocketListener {
  onState(state: ConnectionState): void;
  onFrame(frame: Frame): void;
  /** The server's log was made anew: sequences mean nothing any more. */
  onAnew(): void;
  /** Trying again does not mend this; the socket is closed. */
  onFatal(error: RollcallError): void;
}

const closeRestart = 1012;
const closeUnauthenticated = 4001;
const closeAnew = 4003;
const pingEvery = 30_000;
const pingWait = 10_000;

/** Socket keeps one connection to the gateway, over one WebSocket after the other. */
export class Socket {
  readonly #url: string;
  readonly #Constructor: SocketConstructor;
  readonly #fetch: typeof fetch;
  readonly #tokens: Tokens;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #listener: SocketListener;

  #ws: SocketLike | undefined;
  #state: ConnectionState = "closed";
  #life = 0; // counts opens and closes, so that what was begun in an earlier one is dropped
  #attempt = 0; // failures in a row
  #refused = 0; // tokens refused in a row
  #heard = false; // anything, over the present WebSocket
  #id = 0;
  #timers = new Map<"retry" | "ping" | "pong" | "renew", unknown>();

  constructor(url: string, ws: SocketConstructor, fetcher: typeof fetch, tokens: Tokens, clock: Clock, random: () => number, listener: SocketListener) {
    this.#url = url;
    this.#Constructor = ws;
    this.#fetch = fetcher;
    this.#tokens = tokens;
    this.#clock = clock;
    this.#random = random;
    this.#listener = listener;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Connects, and again whenever the connection is lost. */
  open(): void {
    if (this.#state !== "closed") return;
    this.#attempt = this.#refused = 0;
    void this.#connect(false);
  }

  close(): void {
    this.#drop(1000);
    this.#set("closed");
  }

  /** Sends a request and returns its id; only while open. */
  request(event: string, data: object): number {
    const id = ++this.#id;
    this.#ws?.send(JSON.stringify({ event, data, id }));
    return id;
  }

  /** Connects again after the time that failures so far ask for. */
  again(): void {
    this.#drop(1000);
    this.#retry(backoff(++this.#attempt, this.#random));
  }

  async #connect(fresh: boolean): Promise<void> {
    const life = ++this.#life;
    this.#set("connecting");
    let token: string;
    try {
      token = await (fresh ? this.#tokens.fresh() : this.#tokens.get());
    } catch (error) {
      if (life === this.#life) this.#failed(error as RollcallError); // Tokens throws no other
      return;
    }
    if (life !== this.#life) return;
    let ws: SocketLike;
    try {
      ws = new this.#Constructor(this.#url.replace(/^http/, "ws") + "/ws", ["rollcall", `bearer.${token}`]);
    } catch {
      this.#fatal(unauthenticated()); // what is no name of a protocol is no token
      return;
    }
    this.#ws = ws;
    this.#heard = false;
    let opened = false;
    ws.onopen = () => {
      if (this.#ws !== ws) return;
      opened = true;
      this.#set("open");
      this.#ping();
      this.#renewLater();
    };
    ws.onmessage = (event: { data: unknown }) => {
      if (this.#ws !== ws || typeof event.data !== "string") return;
      this.#hear(event.data);
    };
    ws.onerror = () => {}; // onclose follows; the package ws throws without this
    ws.onclose = (event: { code: number }) => {
      if (this.#ws !== ws) return;
      this.#ws = undefined;
      this.#stopTimers();
      if (opened) this.#closed(event.code);
      else void this.#neverOpened(token);
    };
  }

  #hear(text: string): void {
    let frame: Frame | undefined;
    try {
      frame = parseFrame(text);
    } catch {
      this.again(); // not the gateway, or cut off
      return;
    }
    this.#heard = true;
    this.#attempt = this.#refused = 0;
    if (frame?.event === "pong") this.#stop("pong");
    else if (frame) this.#listener.onFrame(frame);
  }

  #closed(code: number): void {
    switch (code) {
      case closeUnauthenticated:
        this.#tokenRefused();
        return;
      case closeAnew:
        this.#listener.onAnew();
        break;
      case closeRestart:
        // At once, but not in circles with a server that only restarts.
        if (this.#heard) {
          this.#retry(0);
          return;
        }
    }
    this.#retry(backoff(++this.#attempt, this.#random));
  }

  /** Finds out why there was no connection: a WebSocket does not tell the HTTP status. */
  async #neverOpened(token: string): Promise<void> {
    const life = this.#life;
    let status = 0;
    try {
      const answer = await this.#fetch(this.#url + "/ws", { headers: { Authorization: `Bearer ${token}` } });
      status = answer.status;
      await answer.body?.cancel();
    } catch {
      // Nobody there, or a server of another origin: try again later.
    }
    if (life !== this.#life) return;
    if (status === 401) this.#tokenRefused();
    else this.#retry(backoff(++this.#attempt, this.#random));
  }

  #tokenRefused(): void {
    // One more, which may be newer. What that is worth shows at once.
    if (!this.#tokens.renewable || ++this.#refused > 1) this.#fatal(unauthenticated());
    else void this.#connect(true);
  }

  #failed(error: RollcallError): void {
    if (error.code === "unauthenticated") this.#fatal(error);
    else this.#retry(backoff(++this.#attempt, this.#random));
  }

  #fatal(error: RollcallError): void {
    this.close();
    this.#listener.onFatal(error);
  }

  #retry(wait: number): void {
    this.#set("waiting");
    this.#start("retry", wait, () => void this.#connect(false));
  }

  #ping(): void {
    this.request("ping", {});
    this.#start("pong", pingWait, () => this.again());
    this.#start("ping", pingEvery, () => this.#ping());
  }

  #renewLater(): void {
    const at = this.#tokens.renewAt;
    if (at === Infinity) return;
    // A source may give the same token again for a while.
    const wait = Math.max(at - this.#clock.now(), 1000);
    this.#start("renew", wait, () => void this.#renew());
  }

  /** Prolongs the connection before its token ends. */
  async #renew(): Promise<void> {
    const life = this.#life;
    try {
      const token = await this.#tokens.fresh();
      if (life === this.#life && this.#state === "open") this.request("authenticate", { token });
    } catch {
      // The connection lives until the token ends, and there may be one by then.
    }
    if (life === this.#life && this.#state === "open") this.#renewLater();
  }

  #drop(code: number): void {
    this.#life++;
    this.#stopTimers();
    const ws = this.#ws;
    this.#ws = undefined;
    ws?.close(code);
  }

  #set(state: ConnectionState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#listener.onState(state);
  }

  #start(name: "retry" | "ping" | "pong" | "renew", ms: number, run: () => void): void {
    this.#stop(name);
    this.#timers.set(name, this.#clock.setTimeout(run, ms));
  }

  #stop(name: "retry" | "ping" | "pong" | "renew"): void {
    this.#clock.clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  #stopTimers(): void {
    for (const name of [...this.#timers.keys()]) this.#stop(name);
  }
}

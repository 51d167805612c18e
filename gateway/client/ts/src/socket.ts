import type { Clock } from "./clock.js";
import { backoff } from "./clock.js";
import { RollcallError, unauthenticated } from "./error.js";
import { parseFrame, type Frame } from "./events.js";
import type { Tokens } from "./token.js";

/** What this client uses of a WebSocket, the global one or that of the package ws. */
export interface SocketLike {
  // The two declare different types of events. Only data, code and reason are used.
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

export type SocketConstructor = new (url: string, protocols: string[]) => SocketLike;

/** waiting is for the next attempt; after closed there is none. */
export type ConnectionState = "connecting" | "open" | "waiting" | "closed";

/** What a Socket tells its owner. */
export interface SocketListener {
  onState(state: ConnectionState): void;
  onFrame(frame: Frame): void;
  /** The server's log was recreated: sequences mean nothing any more. */
  onReset(): void;
  /** Another attempt would not help; the socket is closed. */
  onFatal(error: RollcallError): void;
}

const closeRestart = 1012;
const closeUnauthenticated = 4001;
const closeStreamReset = 4003;
// Milliseconds.
const pingInterval = 30_000;
const pingTimeout = 10_000;

/**
 * Milliseconds that the reason of a close frame asks to wait before the next attempt, at most a minute. Each client of a
 * gateway that is replaced is told another wait.
 */
function toldWait(reason: string | undefined): number | undefined {
  const told = /; retry_ms=(\d+)$/.exec(reason ?? "")?.[1];
  return told === undefined ? undefined : Math.min(Number(told), 60_000);
}

/** One connection to the gateway, over one WebSocket after the other. */
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
  #generation = 0; // counts opens and closes: what an earlier one has started is ignored
  #failures = 0; // in a row
  #refusedTokens = 0; // in a row
  #received = false; // any frame over the present WebSocket
  #id = 0;
  #timers = new Map<"retry" | "ping" | "pong" | "renew", unknown>();

  constructor(
    url: string, ws: SocketConstructor, fetcher: typeof fetch, tokens: Tokens, clock: Clock, random: () => number,
    listener: SocketListener,
  ) {
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

  /** Connects, and connects again whenever the connection is lost. */
  open(): void {
    if (this.#state !== "closed") return;
    this.#failures = this.#refusedTokens = 0;
    void this.#connect(false);
  }

  close(): void {
    this.#drop(1000);
    this.#set("closed");
  }

  /** Sends a request and returns its id. Nothing is sent unless the socket is open. */
  request(event: string, data: object): number {
    const id = ++this.#id;
    this.#ws?.send(JSON.stringify({ event, data, id }));
    return id;
  }

  /** Drops the connection, and connects again after the wait that the failures so far call for. */
  reconnect(): void {
    this.#drop(1000);
    this.#retry(backoff(++this.#failures, this.#random));
  }

  async #connect(fresh: boolean): Promise<void> {
    const generation = ++this.#generation;
    this.#set("connecting");
    let token: string;
    try {
      token = await (fresh ? this.#tokens.fresh() : this.#tokens.get());
    } catch (error) {
      if (generation === this.#generation) this.#tokenFailed(error as RollcallError); // Tokens throws nothing else
      return;
    }
    if (generation !== this.#generation) return;
    let ws: SocketLike;
    try {
      ws = new this.#Constructor(this.#url.replace(/^http/, "ws") + "/ws", ["rollcall", `bearer.${token}`]);
    } catch {
      this.#fatal(unauthenticated()); // the token is not fit to be the name of a subprotocol
      return;
    }
    this.#ws = ws;
    this.#received = false;
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
      this.#receive(event.data);
    };
    ws.onerror = () => {}; // onclose follows; without this the package ws throws
    ws.onclose = (event: { code: number; reason?: string }) => {
      if (this.#ws !== ws) return;
      this.#ws = undefined;
      this.#stopTimers();
      if (opened) this.#closed(event.code, toldWait(event.reason));
      else void this.#neverOpened(token);
    };
  }

  #receive(text: string): void {
    let frame: Frame | undefined;
    try {
      frame = parseFrame(text);
    } catch {
      this.reconnect(); // not the gateway, or a frame that was cut off
      return;
    }
    this.#received = true;
    this.#failures = this.#refusedTokens = 0;
    if (frame?.event === "pong") this.#stop("pong");
    else if (frame) this.#listener.onFrame(frame);
  }

  #closed(code: number, told: number | undefined): void {
    switch (code) {
      case closeUnauthenticated:
        this.#tokenRefused();
        return;
      case closeStreamReset:
        this.#listener.onReset();
        break;
      case closeRestart:
        told ??= 0; // at once
    }
    // Not in a loop with a server that does nothing but restart.
    if (told !== undefined && this.#received) this.#retry(told);
    else this.#retry(backoff(++this.#failures, this.#random));
  }

  /** Finds out why the handshake failed, for a WebSocket does not tell the HTTP status. */
  async #neverOpened(token: string): Promise<void> {
    const generation = this.#generation;
    let status = 0;
    try {
      const answer = await this.#fetch(this.#url + "/ws", { headers: { Authorization: `Bearer ${token}` } });
      status = answer.status;
      await answer.body?.cancel();
    } catch {
      // Nobody answers, or it is a server of another origin: try again later.
    }
    if (generation !== this.#generation) return;
    if (status === 401) this.#tokenRefused();
    else this.#retry(backoff(++this.#failures, this.#random));
  }

  #tokenRefused(): void {
    // The source may have a newer one. If that is refused too, it is the end.
    if (!this.#tokens.renewable || ++this.#refusedTokens > 1) this.#fatal(unauthenticated());
    else void this.#connect(true);
  }

  #tokenFailed(error: RollcallError): void {
    if (error.code === "unauthenticated") this.#fatal(error);
    else this.#retry(backoff(++this.#failures, this.#random));
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
    this.#start("pong", pingTimeout, () => this.reconnect());
    this.#start("ping", pingInterval, () => this.#ping());
  }

  #renewLater(): void {
    const at = this.#tokens.renewAt;
    if (at === Infinity) return;
    // The source may return the same token for a while.
    const wait = Math.max(at - this.#clock.now(), 1000);
    this.#start("renew", wait, () => void this.#renew());
  }

  /** Extends the connection before its token expires. */
  async #renew(): Promise<void> {
    const generation = this.#generation;
    try {
      const token = await this.#tokens.fresh();
      if (generation === this.#generation && this.#state === "open") this.request("authenticate", { token });
    } catch {
      // The connection lives until its token expires; there may be a fresh one by then.
    }
    if (generation === this.#generation && this.#state === "open") this.#renewLater();
  }

  #drop(code: number): void {
    this.#generation++;
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

import { backoff, realClock, type Clock } from "./clock.js";
import { RollcallError } from "./error.js";
import { isServerEvent, type Frame } from "./events.js";
import { Rest, type Accepted, type History, type HistoryQuery, type Job, type RateLimit, type Stats, type UploadOptions, type Workbook } from "./rest.js";
import type { ResumeOptions } from "./resume.js";
import { Socket, type SocketConstructor } from "./socket.js";
import { Tokens, type TokenSource } from "./token.js";
import { Listening, type UserWatchOptions, type Watch, type WatchOptions } from "./watch.js";

export interface RollcallOptions {
  /** The server's address, http:// or https://. */
  url: string;
  /**
   * A JWT, or a function that is asked for one: at first, before one ends, and
   * when one is refused. A RollcallError with the code unauthenticated thrown by
   * it ends all watches; another error is taken for passing.
   */
  token: TokenSource;
  /** For Node before 22: the WebSocket of the package ws. Default: the global one. */
  webSocket?: SocketConstructor;
  fetch?: typeof fetch;
  /** For tests. */
  clock?: Clock;
  /** At least 0 and below 1, for the jitter of reconnects; default Math.random. */
  random?: () => number;
}

interface Room {
  watches: Set<Listening>;
  request: number; // id of the last subscribe, 0 for none on this connection
  retry: unknown; // timer, while the server is overloaded
  refusals: number; // in a row
}

/**
 * Rollcall follows jobs live, all over one WebSocket that is open while anything
 * is watched, and calls the REST API. It connects again by itself and goes on
 * after the last fact seen: facts come once, in order and without gaps.
 */
export class Rollcall {
  readonly #rest: Rest;
  readonly #tokens: Tokens;
  readonly #url: string;
  readonly #fetch: typeof fetch;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #webSocket: SocketConstructor | undefined;
  readonly #rooms = new Map<string, Room>();
  readonly #users = new Set<Listening>();
  #socket: Socket | undefined;
  #closed = false;

  constructor(options: RollcallOptions) {
    const { protocol } = new URL(options.url);
    if (protocol !== "http:" && protocol !== "https:") throw new TypeError("the server's address begins with http:// or https://");
    this.#url = options.url.replace(/\/+$/, "");
    this.#clock = options.clock ?? realClock;
    this.#random = options.random ?? Math.random;
    this.#fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
    this.#webSocket = options.webSocket ?? globalThis.WebSocket;
    this.#tokens = new Tokens(options.token, this.#clock);
    this.#rest = new Rest(this.#url, this.#tokens, this.#fetch);
  }

  /**
   * Follows a job from after a sequence, and ends with the job. Throws a
   * RollcallError with the code no_websocket or closed.
   */
  watch(jobId: string, options: WatchOptions): Watch {
    const socket = this.#connection();
    const watch = new Listening(jobId, options, (w) => this.#left(w));
    let room = this.#rooms.get(jobId);
    if (!room) this.#rooms.set(jobId, (room = { watches: new Set(), request: 0, retry: undefined, refusals: 0 }));
    room.watches.add(watch);
    this.#begin(watch, socket);
    if (socket.state === "open") this.#subscribe(jobId, room);
    return watch;
  }

  /**
   * Hears of all jobs of this user, from now on: what comes while there is no
   * connection is not made up for, so read the history again when onConnection
   * says open. It also hears the history of jobs that are watched beside it.
   */
  watchUser(options: UserWatchOptions): Watch {
    const socket = this.#connection();
    const watch = new Listening(undefined, options, (w) => this.#left(w));
    this.#users.add(watch);
    this.#begin(watch, socket);
    return watch;
  }

  /** Uploads a spreadsheet; the job is pending when this returns. */
  upload(file: Blob, options: UploadOptions = {}): Promise<Accepted> {
    return this.#rest.upload(file, options);
  }

  /**
   * Uploads a spreadsheet over a weak line: what has arrived is not sent again,
   * neither after the line broke nor, for a File of the browser that is chosen
   * again, after the page was left. Returns the id of its job.
   */
  uploadResumed(file: Blob, options: ResumeOptions = {}): Promise<string> {
    return this.#rest.uploadResumed(file, options, this.#clock);
  }

  status(jobId: string): Promise<Job> {
    return this.#rest.call("GET", `/status/${encodeURIComponent(jobId)}`);
  }

  /** Lists jobs, newest first: one's own, or for administrators all. */
  history(query: HistoryQuery = {}): Promise<History> {
    const search = new URLSearchParams();
    if (query.page !== undefined) search.set("page", String(query.page));
    if (query.pageSize !== undefined) search.set("page_size", String(query.pageSize));
    if (query.status !== undefined) search.set("status", query.status);
    return this.#rest.call("GET", `/history?${search.toString()}`);
  }

  cancel(jobId: string): Promise<Job> {
    return this.#rest.call("POST", `/cancel/${encodeURIComponent(jobId)}`);
  }

  retry(jobId: string): Promise<Job> {
    return this.#rest.call("POST", `/retry/${encodeURIComponent(jobId)}`);
  }

  /** Takes back what a job has written. The answer is the job that does so; asked twice, the same one. */
  undo(jobId: string): Promise<Job> {
    return this.#rest.call("POST", `/undo/${encodeURIComponent(jobId)}`);
  }

  /** The report, or the rows that have to be corrected. */
  report(jobId: string, part: "report" | "rejects" = "report"): Promise<Workbook> {
    return this.#rest.workbook(`/report/${encodeURIComponent(jobId)}?part=${part}`);
  }

  rateLimit(): Promise<RateLimit> {
    return this.#rest.call("GET", "/rate-limit-status");
  }

  stats(): Promise<Stats> {
    return this.#rest.call("GET", "/stats");
  }

  /** An empty workbook to fill in. */
  template(): Promise<Workbook> {
    return this.#rest.workbook("/template");
  }

  /** Ends all watches and the connection, for good. REST calls still work. */
  close(): void {
    this.#closed = true;
    for (const watch of this.#all()) watch.end();
    this.#socket?.close();
  }

  #connection(): Socket {
    if (this.#closed) throw new RollcallError("closed", "This client was closed.");
    if (!this.#webSocket) throw new RollcallError("no_websocket", "There is no WebSocket here: give that of the package ws, or use Node 22.");
    this.#socket ??= new Socket(this.#url, this.#webSocket, this.#fetch, this.#tokens, this.#clock, this.#random, {
      onState: (state) => this.#onState(state),
      onFrame: (frame) => this.#onFrame(frame),
      onAnew: () => this.#all().forEach((w) => w.anew()),
      onFatal: (error) => this.#all().forEach((w) => w.end(error)),
    });
    return this.#socket;
  }

  /** Tells a new watch how things are, after watch() has returned it. */
  #begin(watch: Listening, socket: Socket): void {
    queueMicrotask(() => {
      if (watch.ended) return;
      socket.open();
      watch.show(socket.state === "open" && watch.jobId !== undefined ? "connecting" : socket.state);
    });
  }

  #all(): Listening[] {
    return [...this.#users, ...[...this.#rooms.values()].flatMap((room) => [...room.watches])];
  }

  #onState(state: "connecting" | "open" | "waiting" | "closed"): void {
    if (state === "open") {
      this.#users.forEach((w) => w.show("open"));
      // A job's watch is open once its subscription is acknowledged.
      for (const [jobId, room] of this.#rooms) this.#subscribe(jobId, room);
      return;
    }
    for (const room of this.#rooms.values()) {
      room.request = 0;
      this.#clock.clearTimeout(room.retry);
      room.watches.forEach((w) => w.joining());
    }
    if (state !== "closed") this.#all().forEach((w) => w.show(state));
  }

  #subscribe(jobId: string, room: Room): void {
    // One subscription serves all: it begins where the one that saw least is,
    // and each of the others drops what it has.
    const after = Math.min(...[...room.watches].map((w) => w.lastSeq));
    room.watches.forEach((w) => w.joining());
    room.request = this.#socket?.request("subscribe_bulk_upload_job", { job_id: jobId, after }) ?? 0;
  }

  #onFrame(frame: Frame): void {
    if (isServerEvent(frame)) {
      this.#users.forEach((w) => w.take(frame));
      const room = this.#rooms.get(frame.data.job_id);
      if (room) [...room.watches].forEach((w) => w.take(frame));
      return;
    }
    if (frame.id === undefined) return;
    for (const [jobId, room] of this.#rooms) {
      if (room.request !== frame.id) continue;
      if (frame.event === "error") this.#refused(jobId, room, frame.data);
      else if (frame.event === "ack") {
        room.refusals = 0;
        const { last_seq = 0, status } = frame.data;
        [...room.watches].forEach((w) => w.joined(last_seq, status));
      }
      return;
    }
    // A fresh token that the connection does not take, being of another user or
    // role, or bad: what it is worth shows when connecting.
    if (frame.event === "error" && (frame.data.code === "forbidden" || frame.data.code === "unauthenticated")) this.#socket?.again();
  }

  #refused(jobId: string, room: Room, data: { code: string; message: string }): void {
    if (data.code === "unauthenticated") {
      this.#socket?.again();
    } else if (data.code === "overloaded") {
      room.retry = this.#clock.setTimeout(() => this.#subscribe(jobId, room), backoff(++room.refusals, this.#random));
    } else {
      [...room.watches].forEach((w) => w.end(new RollcallError(data.code, data.message)));
    }
  }

  #left(watch: Listening): void {
    this.#users.delete(watch);
    const room = watch.jobId === undefined ? undefined : this.#rooms.get(watch.jobId);
    if (room && watch.jobId !== undefined) {
      room.watches.delete(watch);
      if (room.watches.size === 0) {
        this.#rooms.delete(watch.jobId);
        this.#clock.clearTimeout(room.retry);
        if (room.request !== 0) this.#socket?.request("unsubscribe_bulk_upload_job", { job_id: watch.jobId });
      }
    }
    // Somebody may come in the same turn: React does, when it mounts twice.
    this.#clock.setTimeout(() => {
      if (this.#users.size === 0 && this.#rooms.size === 0) this.#socket?.close();
    }, 0);
  }
}

import { backoff, realClock, type Clock } from "./clock.js";
import { RollcallError } from "./error.js";
import { isServerEvent, type Frame } from "./events.js";
import type { Inspection, Mapping, SavedMapping } from "./inspect.js";
import {
  Rest, rowsPath, type Accepted, type History, type HistoryQuery, type Job, type Me,
  type Notifications, type Permission, type RateLimit,
  type Row, type RowHistory, type RowPage, type RowQuery, type Stats, type UploadOptions, type Workbook,
} from "./rest.js";
import type { ResumeOptions } from "./resume.js";
import { Socket, type SocketConstructor } from "./socket.js";
import type { Story } from "./story.js";
import { Tokens, type TokenSource } from "./token.js";
import { ActiveWatch, type UserWatchOptions, type Watch, type WatchOptions } from "./watch.js";
import { wardsPath } from "./wards.js";
import type { CourseQuery, Standing, StandingPoint, StandingQuery, Usage, WaitingJob } from "./wards.js";

export interface RollcallOptions {
  /** The server's address, http:// or https://. */
  url: string;
  /**
   * A JWT, or a function that returns one. It is called at the start, before a token
   * expires, and when one is refused. If it throws a RollcallError with the code
   * unauthenticated, all watches end; after any other error it is called again.
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

/** The watches of one job. */
interface Room {
  watches: Set<ActiveWatch>;
  request: number; // id of the last subscribe request, 0 for none on this connection
  retry: unknown; // timer, while the server is overloaded
  refusals: number; // in a row
}

/**
 * Follows jobs live and calls the REST API. All watches share one WebSocket, which is
 * open while anything is watched. The client reconnects by itself and goes on after the
 * last fact seen: facts come once, in order and without gaps.
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
  readonly #userWatches = new Set<ActiveWatch>();
  #socket: Socket | undefined;
  #closed = false;

  constructor(options: RollcallOptions) {
    const { protocol } = new URL(options.url);
    if (protocol !== "http:" && protocol !== "https:") {
      throw new TypeError("the server's address must begin with http:// or https://");
    }
    this.#url = options.url.replace(/\/+$/, "");
    this.#clock = options.clock ?? realClock;
    this.#random = options.random ?? Math.random;
    this.#fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
    this.#webSocket = options.webSocket ?? globalThis.WebSocket;
    this.#tokens = new Tokens(options.token, this.#clock);
    this.#rest = new Rest(this.#url, this.#tokens, this.#fetch);
  }

  /**
   * Follows a job after a sequence, and ends with the job. Throws a RollcallError with
   * the code no_websocket or closed.
   */
  watch(jobId: string, options: WatchOptions): Watch {
    const socket = this.#connection();
    const watch = new ActiveWatch(jobId, options, (w) => this.#remove(w));
    let room = this.#rooms.get(jobId);
    if (!room) {
      room = { watches: new Set(), request: 0, retry: undefined, refusals: 0 };
      this.#rooms.set(jobId, room);
    }
    room.watches.add(watch);
    this.#start(watch, socket);
    if (socket.state === "open") this.#subscribe(jobId, room);
    return watch;
  }

  /**
   * Follows all jobs of this user from now on. What happens while there is no connection
   * does not come later: read the history again when onConnection says open. The watch
   * also gets the history of jobs that are watched at the same time.
   */
  watchUser(options: UserWatchOptions): Watch {
    const socket = this.#connection();
    const watch = new ActiveWatch(undefined, options, (w) => this.#remove(w));
    this.#userWatches.add(watch);
    this.#start(watch, socket);
    return watch;
  }

  /** Uploads a spreadsheet. The job is pending when this returns. */
  upload(file: Blob, options: UploadOptions = {}): Promise<Accepted> {
    return this.#rest.sendFile("/process", file, options);
  }

  /**
   * Uploads a spreadsheet over a weak connection. What has arrived is not sent again,
   * neither after the connection broke nor after the page was left, if the person chooses
   * the same File again. Returns the id of the job.
   */
  uploadResumed(file: Blob, options: ResumeOptions = {}): Promise<string> {
    return this.#rest.uploadResumed(file, options, this.#clock);
  }

  /** Tells what would be read of a spreadsheet. Nothing is stored. */
  inspect(file: Blob, options: UploadOptions = {}): Promise<Inspection> {
    return this.#rest.sendFile("/inspect", file, options);
  }

  /** Lists the mappings of columns that the user keeps. */
  async mappings(): Promise<SavedMapping[]> {
    return (await this.#rest.call<{ mappings: SavedMapping[] }>("GET", "/mappings")).mappings;
  }

  /** Keeps a mapping under a name, in place of the one that has it. */
  saveMapping(name: string, mapping: Mapping): Promise<SavedMapping> {
    return this.#rest.call("PUT", `/mappings/${encodeURIComponent(name)}`, JSON.stringify(mapping));
  }

  status(jobId: string): Promise<Job> {
    return this.#rest.call("GET", `/status/${encodeURIComponent(jobId)}`);
  }

  /** Lists the user's jobs, newest first; for administrators, all jobs. */
  history(query: HistoryQuery = {}): Promise<History> {
    const search = new URLSearchParams();
    if (query.page !== undefined) search.set("page", String(query.page));
    if (query.pageSize !== undefined) search.set("page_size", String(query.pageSize));
    for (const name of ["cursor", "status", "search", "from", "to"] as const) {
      const value = query[name];
      if (value !== undefined) search.set(name, value);
    }
    return this.#rest.call("GET", `/history?${search.toString()}`);
  }

  /** Tells whether a file could be uploaded now, and else until when not. */
  canUpload(): Promise<Permission> {
    return this.#rest.call("GET", "/can-upload");
  }

  cancel(jobId: string): Promise<Job> {
    return this.#rest.call("POST", `/cancel/${encodeURIComponent(jobId)}`);
  }

  retry(jobId: string): Promise<Job> {
    return this.#rest.call("POST", `/retry/${encodeURIComponent(jobId)}`);
  }

  /** Undoes what a job has written. Returns the job that does so, the same one each time. */
  undo(jobId: string): Promise<Job> {
    return this.#rest.call("POST", `/undo/${encodeURIComponent(jobId)}`);
  }

  /** Lets a job of another person write what it proposed. */
  approve(jobId: string, reason = ""): Promise<Job> {
    return this.#rest.call("POST", `/approve/${encodeURIComponent(jobId)}`, JSON.stringify({ reason }));
  }

  /** Ends a job of another person that waits for approval. The uploader reads the reason. */
  decline(jobId: string, reason: string): Promise<Job> {
    return this.#rest.call("POST", `/decline/${encodeURIComponent(jobId)}`, JSON.stringify({ reason }));
  }

  /** Writes what a dry run has shown. Returns the job that does so, the same one each time. */
  commit(jobId: string): Promise<Job> {
    return this.#rest.call("POST", `/commit/${encodeURIComponent(jobId)}`);
  }

  /** Takes over the rows of a job that wait for a larger area. Returns the job that writes them. */
  complete(jobId: string): Promise<Job> {
    return this.#rest.call("POST", `/complete/${encodeURIComponent(jobId)}`);
  }

  /** Returns the report, or a workbook of the rows to correct. */
  report(jobId: string, part: "report" | "rejects" = "report"): Promise<Workbook> {
    return this.#rest.workbook(`/report/${encodeURIComponent(jobId)}?part=${part}`);
  }

  /** Returns a sheet of the report as .csv by its name (invalid_ids), or the rows to correct (rejects). */
  sheet(jobId: string, name: string): Promise<Workbook> {
    return this.#rest.workbook(`/report/${encodeURIComponent(jobId)}?format=csv&part=${encodeURIComponent(name)}`);
  }

  /** Returns a page of the rows of a job, with what is known of each so far. */
  rows(jobId: string, query: RowQuery = {}): Promise<RowPage> {
    return this.#rest.call("GET", rowsPath(jobId, query));
  }

  /** Returns everything that happened to a row, by its number in the uploaded sheet. */
  row(jobId: string, n: number): Promise<RowHistory> {
    return this.#rest.call("GET", `/jobs/${encodeURIComponent(jobId)}/rows/${n}`);
  }

  /** Yields all rows of a job from the cursor on, page by page. */
  async *allRows(jobId: string, query: RowQuery = {}): AsyncGenerator<Row, void, undefined> {
    for (let cursor = query.cursor; ;) {
      const page = await this.rows(jobId, cursor === undefined ? query : { ...query, cursor });
      yield* page.rows;
      if (page.next_cursor === undefined) return;
      cursor = page.next_cursor;
    }
  }

  /** Returns all rows of a job as .csv. */
  rowsCSV(jobId: string, query: RowQuery = {}): Promise<Workbook> {
    return this.#rest.workbook(rowsPath(jobId, query), "text/csv");
  }

  /**
   * Tells what jobs have said of a person by the ID number, which is no part of the
   * address. Only of jobs uploaded until asOf, an ISO 8601 time. Each look is audited.
   */
  memberStory(idNumber: string, asOf?: string): Promise<Story> {
    return this.#rest.call("POST", "/members/story", JSON.stringify({ id_number: idNumber, as_of: asOf }));
  }

  /** Tells whom the server takes the token for, and what they may do. */
  me(): Promise<Me> {
    return this.#rest.call("GET", "/me");
  }

  /** Tells what the user is told by e-mail. */
  notifications(): Promise<Notifications> {
    return this.#rest.call("GET", "/me/notifications");
  }

  /** Changes what the user is told by e-mail. */
  saveNotifications(wish: Pick<Notifications, "jobs" | "waiting">): Promise<Notifications> {
    return this.#rest.call("PUT", "/me/notifications", JSON.stringify(wish));
  }

  /** Lists the jobs that wait for the user, the most urgent first. */
  waiting(): Promise<{ jobs: WaitingJob[]; total: number }> {
    return this.#rest.call("GET", "/waiting");
  }

  /** Tells where the organisation stands, within the user's area. */
  wards(query: StandingQuery = {}): Promise<Standing> {
    return this.#rest.call("GET", wardsPath("", query));
  }

  /** Tells where it stood over time, the oldest first. */
  async wardsHistory(query: CourseQuery = {}): Promise<StandingPoint[]> {
    return (await this.#rest.call<{ points: StandingPoint[] }>("GET", wardsPath("/history", query))).points;
  }

  /** Returns the list of wards as .csv. */
  wardsCSV(query: StandingQuery = {}): Promise<Workbook> {
    return this.#rest.workbook(wardsPath("", query, { format: "csv" }));
  }

  /** Returns the attendance register of a ward that has reached its target, a PDF. */
  register(ward: string): Promise<Workbook> {
    return this.#rest.workbook(`/wards/${encodeURIComponent(ward)}/register`);
  }

  /** Returns the totals of a job's report, a PDF of two pages. */
  summary(jobId: string): Promise<Workbook> {
    return this.#rest.workbook(`/report/${encodeURIComponent(jobId)}?format=pdf`);
  }

  /** Tells which hours and whose jobs have had the calls to the IEC. */
  usage(hours = 24): Promise<Usage> {
    return this.#rest.call("GET", `/rate-limit-usage?hours=${hours}`);
  }

  rateLimit(): Promise<RateLimit> {
    return this.#rest.call("GET", "/rate-limit-status");
  }

  stats(): Promise<Stats> {
    return this.#rest.call("GET", "/stats");
  }

  /** Returns an empty workbook to fill in. */
  template(): Promise<Workbook> {
    return this.#rest.workbook("/template");
  }

  /** Ends all watches and the connection for good. REST calls still work. */
  close(): void {
    this.#closed = true;
    for (const watch of this.#all()) watch.end();
    this.#socket?.close();
  }

  #connection(): Socket {
    if (this.#closed) throw new RollcallError("closed", "This client was closed.");
    if (!this.#webSocket) {
      const message = "There is no WebSocket here: pass that of the package ws, or use Node 22.";
      throw new RollcallError("no_websocket", message);
    }
    this.#socket ??= new Socket(this.#url, this.#webSocket, this.#fetch, this.#tokens, this.#clock, this.#random, {
      onState: (state) => this.#onState(state),
      onFrame: (frame) => this.#onFrame(frame),
      onReset: () => this.#all().forEach((w) => w.reset()),
      onFatal: (error) => this.#all().forEach((w) => w.end(error)),
    });
    return this.#socket;
  }

  /** Tells a new watch the state of the connection, once watch() has returned it. */
  #start(watch: ActiveWatch, socket: Socket): void {
    queueMicrotask(() => {
      if (watch.ended) return;
      socket.open();
      watch.setConnection(socket.state === "open" && watch.jobId !== undefined ? "connecting" : socket.state);
    });
  }

  #all(): ActiveWatch[] {
    return [...this.#userWatches, ...[...this.#rooms.values()].flatMap((room) => [...room.watches])];
  }

  #onState(state: "connecting" | "open" | "waiting" | "closed"): void {
    if (state === "open") {
      this.#userWatches.forEach((w) => w.setConnection("open"));
      // A job's watch is open once its subscription is acknowledged.
      for (const [jobId, room] of this.#rooms) this.#subscribe(jobId, room);
      return;
    }
    for (const room of this.#rooms.values()) {
      room.request = 0;
      this.#clock.clearTimeout(room.retry);
      room.watches.forEach((w) => w.awaitAck());
    }
    if (state !== "closed") this.#all().forEach((w) => w.setConnection(state));
  }

  #subscribe(jobId: string, room: Room): void {
    // One subscription serves all watches of the job. It starts after the least that any
    // of them has seen, and each drops what it has seen already.
    const after = Math.min(...[...room.watches].map((w) => w.lastSeq));
    room.watches.forEach((w) => w.awaitAck());
    room.request = this.#socket?.request("subscribe_bulk_upload_job", { job_id: jobId, after }) ?? 0;
  }

  #onFrame(frame: Frame): void {
    if (isServerEvent(frame)) {
      this.#userWatches.forEach((w) => w.deliver(frame));
      const room = this.#rooms.get(frame.data.job_id);
      if (room) [...room.watches].forEach((w) => w.deliver(frame));
      return;
    }
    if (frame.id === undefined) return;
    for (const [jobId, room] of this.#rooms) {
      if (room.request !== frame.id) continue;
      if (frame.event === "error") this.#subscriptionRefused(jobId, room, frame.data);
      else if (frame.event === "ack") {
        room.refusals = 0;
        const { last_seq = 0, status } = frame.data;
        [...room.watches].forEach((w) => w.acknowledge(last_seq, status));
      }
      return;
    }
    // The connection refuses the fresh token: it is invalid, or of another user or role.
    // A new connection shows which.
    const code = frame.event === "error" ? frame.data.code : "";
    if (code === "forbidden" || code === "unauthenticated") this.#socket?.reconnect();
  }

  #subscriptionRefused(jobId: string, room: Room, data: { code: string; message: string }): void {
    if (data.code === "unauthenticated") {
      this.#socket?.reconnect();
    } else if (data.code === "overloaded") {
      const wait = backoff(++room.refusals, this.#random);
      room.retry = this.#clock.setTimeout(() => this.#subscribe(jobId, room), wait);
    } else {
      [...room.watches].forEach((w) => w.end(new RollcallError(data.code, data.message)));
    }
  }

  #remove(watch: ActiveWatch): void {
    this.#userWatches.delete(watch);
    const room = watch.jobId === undefined ? undefined : this.#rooms.get(watch.jobId);
    if (room && watch.jobId !== undefined) {
      room.watches.delete(watch);
      if (room.watches.size === 0) {
        this.#rooms.delete(watch.jobId);
        this.#clock.clearTimeout(room.retry);
        if (room.request !== 0) this.#socket?.request("unsubscribe_bulk_upload_job", { job_id: watch.jobId });
      }
    }
    // Another watch may start in the same turn: React does that when it mounts twice.
    this.#clock.setTimeout(() => {
      if (this.#userWatches.size === 0 && this.#rooms.size === 0) this.#socket?.close();
    }, 0);
  }
}

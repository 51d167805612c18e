import { RollcallError } from "./error.js";
import type { JobEvent, JobStatus, ServerEvent } from "./events.js";
import type { ConnectionState } from "./socket.js";

export interface UserWatchOptions {
  onEvent(event: JobEvent): void;
  onConnection?: (state: ConnectionState) => void;
  /** What trying again does not mend. The watch is closed after it. */
  onError?: (error: RollcallError) => void;
}

export interface WatchOptions extends UserWatchOptions {
  /** The last sequence seen; default 0, the job's whole history. */
  after?: number;
  /** Go on after a job has failed or was cancelled, if it can be retried. */
  stay?: boolean;
}

export interface Watch {
  /** The last sequence passed on; give it as `after` to go on from there. */
  readonly lastSeq: number;
  /** Nothing is called after this. */
  close(): void;
}

/** Listening is one watch of a job, or of all jobs of the user. */
export class Listening implements Watch {
  readonly jobId: string | undefined; // undefined: all jobs of the user
  readonly #options: WatchOptions;
  readonly #closed: (watch: Listening) => void;
  #lastSeq: number;
  #state: ConnectionState | undefined;
  #joined = false; // the present subscription was acknowledged
  #historyEnds = 0;
  #seen = new Map<string, number>(); // of a user: each job's last sequence

  constructor(jobId: string | undefined, options: WatchOptions, closed: (watch: Listening) => void) {
    this.jobId = jobId;
    this.#options = options;
    this.#closed = closed;
    this.#lastSeq = options.after ?? 0;
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  get ended(): boolean {
    return this.#state === "closed";
  }

  close(): void {
    if (this.ended) return;
    this.#state = "closed";
    this.#closed(this);
  }

  /** Closes and says so. */
  end(error?: RollcallError): void {
    if (this.ended) return;
    this.close();
    if (error && this.#options.onError) call(this.#options.onError, error);
    if (this.#options.onConnection) call(this.#options.onConnection, "closed");
  }

  show(state: ConnectionState): void {
    if (this.ended || this.#state === state) return;
    this.#state = state;
    if (this.#options.onConnection) call(this.#options.onConnection, state);
  }

  /** A subscription was asked for: what comes before its acknowledgement comes again. */
  joining(): void {
    this.#joined = false;
  }

  joined(last: number, status: JobStatus | undefined): void {
    this.#joined = true;
    this.#historyEnds = last;
    this.show("open");
    // The caller may have seen it all.
    const open = status === "failed" || status === "cancelled";
    if (this.#lastSeq >= last && (status === "completed" || (open && this.#options.stay !== true))) this.end();
  }

  anew(): void {
    if (this.ended) return;
    this.#lastSeq = 0;
    this.#seen.clear();
    this.#joined = false;
    call(this.#options.onEvent, { event: "reset", data: this.jobId === undefined ? {} : { job_id: this.jobId } });
  }

  take(event: ServerEvent): void {
    if (this.ended) return;
    if (this.jobId === undefined) this.#takeOfUser(event);
    else if (this.#joined && event.data.job_id === this.jobId) this.#takeOfJob(event);
  }

  #takeOfUser(event: ServerEvent): void {
    const { seq } = event;
    if (seq !== undefined) {
      if (seq <= (this.#seen.get(event.data.job_id) ?? 0)) return;
      this.#seen.set(event.data.job_id, seq);
      this.#lastSeq = Math.max(this.#lastSeq, seq);
    }
    call(this.#options.onEvent, event);
  }

  #takeOfJob(event: ServerEvent): void {
    const { seq } = event;
    if (seq !== undefined) {
      if (seq <= this.#lastSeq) return;
      this.#lastSeq = seq;
    }
    call(this.#options.onEvent, event);
    // A job that failed and was retried has an end in its history.
    if (seq !== undefined && seq >= this.#historyEnds && this.#isEnd(event)) this.end();
  }

  #isEnd(event: ServerEvent): boolean {
    if (event.event === "bulk_upload_failed") return !(event.data.retryable && this.#options.stay === true);
    // What is erased is so of a job that has ended before.
    if (event.event === "bulk_upload_erased") return event.data.status === "completed" || event.data.reason === "expired" || this.#options.stay !== true;
    return event.event === "bulk_upload_complete";
  }
}

/** Calls a listener; what it throws is its own affair and ends nothing here. */
function call<T>(listener: (value: T) => void, value: T): void {
  try {
    listener(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

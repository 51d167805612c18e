import { RollcallError } from "./error.js";
import type { JobEvent, JobStatus, ServerEvent } from "./events.js";
import type { ConnectionState } from "./socket.js";

export interface UserWatchOptions {
  onEvent(event: JobEvent): void;
  onConnection?: (state: ConnectionState) => void;
  /** Called when another attempt would not help. Then the watch is closed. */
  onError?: (error: RollcallError) => void;
}

export interface WatchOptions extends UserWatchOptions {
  /** The last sequence seen. Default: 0, for the job's whole history. */
  after?: number;
  /** Go on after a job has failed or was cancelled, if it can be retried. */
  stay?: boolean;
}

export interface Watch {
  /** The last sequence passed on. Give it as `after` to go on from there. */
  readonly lastSeq: number;
  /** Ends the watch. Nothing is called after this. */
  close(): void;
}

/** One watch, of a job or of all jobs of the user. */
export class ActiveWatch implements Watch {
  readonly jobId: string | undefined; // undefined: all jobs of the user
  readonly #options: WatchOptions;
  readonly #onClose: (watch: ActiveWatch) => void;
  #lastSeq: number;
  #state: ConnectionState | undefined;
  #joined = false; // whether the present subscription was acknowledged
  #historyEnds = 0; // the last sequence of the history
  #seen = new Map<string, number>(); // for a watch of a user: the last sequence of each job

  constructor(jobId: string | undefined, options: WatchOptions, onClose: (watch: ActiveWatch) => void) {
    this.jobId = jobId;
    this.#options = options;
    this.#onClose = onClose;
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
    this.#onClose(this);
  }

  /** Closes the watch and tells its listeners. */
  end(error?: RollcallError): void {
    if (this.ended) return;
    this.close();
    if (error && this.#options.onError) call(this.#options.onError, error);
    if (this.#options.onConnection) call(this.#options.onConnection, "closed");
  }

  setConnection(state: ConnectionState): void {
    if (this.ended || this.#state === state) return;
    this.#state = state;
    if (this.#options.onConnection) call(this.#options.onConnection, state);
  }

  /** Waits for an acknowledgement: what comes before it comes again. */
  awaitAck(): void {
    this.#joined = false;
  }

  acknowledge(last: number, status: JobStatus | undefined): void {
    this.#joined = true;
    this.#historyEnds = last;
    this.setConnection("open");
    // The caller may have seen everything.
    const retryable = status === "failed" || status === "cancelled";
    if (this.#lastSeq >= last && (status === "completed" || (retryable && this.#options.stay !== true))) this.end();
  }

  reset(): void {
    if (this.ended) return;
    this.#lastSeq = 0;
    this.#seen.clear();
    this.#joined = false;
    const data = this.jobId === undefined ? {} : { job_id: this.jobId };
    call(this.#options.onEvent, { event: "reset", data });
  }

  deliver(event: ServerEvent): void {
    if (this.ended) return;
    if (this.jobId === undefined) this.#deliverToUser(event);
    else if (this.#joined && event.data.job_id === this.jobId) this.#deliverToJob(event);
  }

  #deliverToUser(event: ServerEvent): void {
    const { seq } = event;
    if (seq !== undefined) {
      if (seq <= (this.#seen.get(event.data.job_id) ?? 0)) return;
      this.#seen.set(event.data.job_id, seq);
      this.#lastSeq = Math.max(this.#lastSeq, seq);
    }
    call(this.#options.onEvent, event);
  }

  #deliverToJob(event: ServerEvent): void {
    const { seq } = event;
    if (seq !== undefined) {
      if (seq <= this.#lastSeq) return;
      this.#lastSeq = seq;
    }
    call(this.#options.onEvent, event);
    // The history of a retried job has a failure that is not its end.
    if (seq !== undefined && seq >= this.#historyEnds && this.#isEnd(event)) this.end();
  }

  #isEnd(event: ServerEvent): boolean {
    if (event.event === "bulk_upload_failed") return !(event.data.retryable && this.#options.stay === true);
    // A job of which something was erased had ended before.
    if (event.event === "bulk_upload_erased") {
      return event.data.status === "completed" || event.data.reason === "expired" || this.#options.stay !== true;
    }
    return event.event === "bulk_upload_complete";
  }
}

/** Calls a listener. What it throws becomes an uncaught error, and does not end the watch. */
function call<T>(listener: (value: T) => void, value: T): void {
  try {
    listener(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

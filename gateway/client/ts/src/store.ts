import { RollcallError } from "./error.js";
import type { CompleteData, JobEvent, JobStatus, Quota, Stage } from "./events.js";
import type { Rollcall } from "./rollcall.js";
import type { ConnectionState } from "./socket.js";
import type { Watch } from "./watch.js";

/** What is known of a job. Each change makes a new object. */
export interface JobState {
  /** undefined until the server has sent something. */
  readonly status: JobStatus | undefined;
  readonly stage: Stage | undefined;
  /** Percent, 0 to 100. */
  readonly progress: number;
  readonly message: string;
  readonly rows: { readonly processed: number; readonly total: number };
  /** When the IEC will have answered for all rows, if that is known. */
  readonly eta: Date | undefined;
  /** When a paused job resumes. */
  readonly resumesAt: Date | undefined;
  /** The last known state of the quota of IEC calls. */
  readonly quota: Quota | undefined;
  /** The facts so far, in order. Progress is not among them. */
  readonly events: readonly JobEvent[];
  readonly result: CompleteData | undefined;
  /** Why the job failed, or cannot be watched. */
  readonly error: { readonly code: string; readonly message: string; readonly retryable: boolean } | undefined;
  readonly connection: ConnectionState;
}

export const unknown: JobState = {
  status: undefined, stage: undefined, progress: 0, message: "", rows: { processed: 0, total: 0 }, eta: undefined,
  resumesAt: undefined, quota: undefined, events: [], result: undefined, error: undefined, connection: "closed",
};

/** Returns a job's state after one more event. */
export function fold(state: JobState, event: JobEvent): JobState {
  if (event.event === "reset") return { ...unknown, connection: state.connection };
  const events = event.seq === undefined ? state.events : [...state.events, event];
  switch (event.event) {
    case "bulk_upload_complete":
      return { ...state, events, status: "completed", stage: "report_generation", progress: 100, message: "",
        eta: undefined, resumesAt: undefined, error: undefined, result: event.data };
    case "bulk_upload_erased":
      return { ...state, events, error: state.error &&
        { ...state.error, retryable: state.error.retryable && event.data.reason !== "expired" } };
    case "bulk_upload_failed": {
      const { status, stage, error: message, code, retryable } = event.data;
      return { ...state, events, status, stage, message, eta: undefined, resumesAt: undefined,
        error: { code, message, retryable } };
    }
  }
  const d = event.data;
  const quota = event.event === "bulk_upload_progress" ? state.quota : {
    current_count: event.data.current_count, max_limit: event.data.max_limit, remaining: event.data.remaining,
    percentage_used: event.data.percentage_used, reset_time: event.data.reset_time,
  };
  return { ...state, events, quota, status: d.status, stage: d.stage, progress: d.progress, message: d.message,
    error: undefined, result: undefined,
    rows: { processed: d.rows_processed, total: d.rows_total },
    eta: dateOf(d.eta), resumesAt: dateOf(d.resumes_at) };
}

const dateOf = (text: string | undefined) => text === undefined ? undefined : new Date(text);

/**
 * Watches a job while anybody is subscribed, and keeps the state for whoever subscribes
 * next. The shape is that of React's useSyncExternalStore.
 */
export class JobStore {
  readonly #client: Rollcall;
  readonly #jobId: string | undefined;
  readonly #listeners = new Set<() => void>();
  #state = unknown;
  #watch: Watch | undefined;
  #lastSeq = 0;

  constructor(client: Rollcall, jobId: string | undefined) {
    this.#client = client;
    this.#jobId = jobId;
  }

  readonly get = (): JobState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    const own = () => listener(); // the same function may be subscribed twice
    this.#listeners.add(own);
    if (this.#listeners.size === 1) this.#start();
    return () => {
      this.#listeners.delete(own);
      if (this.#listeners.size === 0) this.#stop();
    };
  };

  #start(): void {
    if (this.#jobId === undefined) return;
    try {
      this.#watch = this.#client.watch(this.#jobId, {
        after: this.#lastSeq,
        stay: true,
        onEvent: (event) => this.#set(fold(this.#state, event)),
        onConnection: (connection) => this.#set({ ...this.#state, connection }),
        onError: ({ code, message }) => this.#set({ ...this.#state, error: { code, message, retryable: false } }),
      });
    } catch (error) {
      if (!(error instanceof RollcallError)) throw error;
      this.#set({ ...this.#state, error: { code: error.code, message: error.message, retryable: false } });
    }
  }

  #stop(): void {
    this.#lastSeq = this.#watch?.lastSeq ?? this.#lastSeq;
    this.#watch?.close();
    this.#watch = undefined;
    this.#state = { ...this.#state, connection: "closed" };
  }

  #set(state: JobState): void {
    this.#state = state;
    this.#listeners.forEach((listener) => listener());
  }
}

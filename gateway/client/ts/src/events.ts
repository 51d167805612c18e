// What the server says of a job. docs/gateway.md is the protocol; the names
// and fields are those of schema/frames.

export type Stage =
  | "initialization"
  | "file_reading"
  | "pre_validation"
  | "iec_verification"
  | "database_operations"
  | "report_generation";

export type JobStatus = "pending" | "processing" | "paused" | "completed" | "failed" | "cancelled";

/** Data of bulk_upload_progress. Times are RFC 3339. */
export interface ProgressData {
  job_id: string;
  stage: Stage;
  /** Percent of the whole job, 0 to 99. */
  progress: number;
  message: string;
  status: "pending" | "processing" | "paused";
  rows_processed: number;
  rows_total: number;
  timestamp: string;
  /** Set while the job is paused. */
  reason?: string;
  resumes_at?: string;
  /** When the IEC will have answered for all rows, once that can be told. */
  eta?: string;
}

/** How much of the hourly quota of IEC calls is spent. */
export interface Quota {
  current_count: number;
  max_limit: number;
  remaining: number;
  percentage_used: number;
  reset_time: string;
}

/** Data of iec_rate_limit_exceeded and iec_rate_limit_warning. */
export type RateLimitData = ProgressData & Quota;

export interface ValidationStats {
  total_records: number;
  valid_records: number;
  valid_ids: number;
  invalid_ids: number;
  unique_records: number;
  duplicates: number;
  warnings: number;
  blank_rows: number;
  registered: number;
  not_registered: number;
  deceased: number;
  international: number;
  unverified: number;
  existing_members: number;
  new_members: number;
}

export interface IECStats {
  total_records: number;
  registered: number;
  not_registered: number;
  deceased: number;
  international: number;
  unverified: number;
  calls: number;
  cached: number;
}

export interface DatabaseStats {
  total_records: number;
  inserts: number;
  updates: number;
  unchanged: number;
  errors: number;
  /** Of a job that undoes another one: members removed, and those left as another job has changed them since. */
  removed?: number;
  kept?: number;
  dry_run?: boolean;
}

/** Data of bulk_upload_complete. */
export interface CompleteData {
  job_id: string;
  status: "completed";
  validation_stats: ValidationStats;
  database_stats: DatabaseStats;
  report_path: string;
  processing_duration_ms: number;
  timestamp: string;
}

/** Data of bulk_upload_failed. */
export interface FailedData {
  job_id: string;
  /** A sentence for the user. */
  error: string;
  code: string;
  stage: Stage;
  status: "failed" | "cancelled";
  retryable: boolean;
  timestamp: string;
}

/** Data of bulk_upload_erased: the job has ended before, and of its data some is kept no longer. */
export interface ErasedData {
  job_id: string;
  /** How the job had ended. */
  status: "completed" | "failed" | "cancelled";
  reason: "expired" | "person_erased";
  report_removed: boolean;
  timestamp: string;
}

/**
 * What a watch yields. With `seq` it is a fact, which comes once and in order;
 * without, only the newest progress. `reset` says that the server's log was
 * made anew: forget what came before, it comes again from the beginning.
 */
export type JobEvent =
  | { event: "bulk_upload_progress"; data: ProgressData; seq?: number }
  | { event: "iec_rate_limit_exceeded"; data: RateLimitData; seq: number }
  | { event: "iec_rate_limit_warning"; data: RateLimitData; seq: number }
  | { event: "bulk_upload_complete"; data: CompleteData; seq: number }
  | { event: "bulk_upload_failed"; data: FailedData; seq: number }
  | { event: "bulk_upload_erased"; data: ErasedData; seq: number }
  | { event: "reset"; data: { job_id?: string }; seq?: undefined };

/** A JobEvent that comes from the server. */
export type ServerEvent = Exclude<JobEvent, { event: "reset" }>;

const names: ReadonlySet<string> = new Set<ServerEvent["event"]>([
  "bulk_upload_progress",
  "iec_rate_limit_exceeded",
  "iec_rate_limit_warning",
  "bulk_upload_complete",
  "bulk_upload_failed",
  "bulk_upload_erased",
]);

/** What the server answers to a request, beside events. */
export type Answer =
  | { event: "ack"; id?: number; data: { job_id?: string; last_seq?: number; status?: JobStatus; user_id?: string; expires?: string } }
  | { event: "pong"; id?: number; data: object }
  | { event: "error"; id?: number; data: { code: string; message: string } };

export type Frame = ServerEvent | Answer;

/** Reads a frame; undefined for one of an event that this version does not know. */
export function parseFrame(text: string): Frame | undefined {
  const frame = JSON.parse(text) as { event?: unknown; data?: unknown };
  if (typeof frame.event !== "string" || typeof frame.data !== "object" || frame.data === null) return undefined;
  if (names.has(frame.event) || frame.event === "ack" || frame.event === "pong" || frame.event === "error") return frame as Frame;
  return undefined;
}

export function isServerEvent(frame: Frame): frame is ServerEvent {
  return names.has(frame.event);
}

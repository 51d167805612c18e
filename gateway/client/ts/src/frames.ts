// Code generated from schema/frames by go generate ./gateway/frames; DO NOT EDIT.
// Times are RFC 3339. docs/gateway.md is the protocol.

export type Stage =
  | "initialization"
  | "file_reading"
  | "pre_validation"
  | "iec_verification"
  | "database_operations"
  | "report_generation";

export type JobStatus =
  | "pending"
  | "processing"
  | "paused"
  | "completed"
  | "failed"
  | "cancelled"
  | "awaiting_approval"
  | "declined";

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
  /** Rows outside the area of the uploader. */
  out_of_area?: number;
  /** Rows of people who have objected to being on a roll. */
  objected?: number;
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
  /** Of a job that undoes another one: members removed. */
  removed?: number;
  /** Of a job that undoes another one: members left, as another job has changed them since. */
  kept?: number;
  /** Rows that wait for somebody whose area covers the stored member too. */
  transfers?: number;
  /** Mode create: rows of people who are members already, left alone. */
  known?: number;
  /** Mode update: rows of people who are no members in the area of the job, not added. */
  unknown?: number;
  /** Updates that emptied a field, as the file asked. */
  cleared?: number;
  dry_run?: boolean;
  /** Rows of people who have objected since the file was validated. */
  objected?: number;
}

/** Data of ack. A request was carried out. */
export interface AckData {
  job_id?: string;
  /** Of a subscription: the sequence of the job's newest fact. */
  last_seq?: number;
  /** Of a subscription: the job's status. */
  status?: JobStatus;
  /** Of authenticate: who the token is of. */
  user_id?: string;
  /** Of authenticate: until when the token is good. */
  expires?: string;
}

/** Data of bulk_upload_complete. The job is complete. */
export interface CompleteData {
  job_id: string;
  status: "completed";
  validation_stats: ValidationStats;
  database_stats: DatabaseStats;
  report_path: string;
  processing_duration_ms: number;
  timestamp: string;
}

/** Data of bulk_upload_erased. Some data of a job that has ended is no longer kept. */
export interface ErasedData {
  job_id: string;
  /** How the job had ended. */
  status: "completed" | "failed" | "cancelled" | "declined";
  reason: "expired" | "person_erased";
  /** The report is among it. */
  report_removed: boolean;
  timestamp: string;
}

/** Data of bulk_upload_failed. The job failed or was cancelled. */
export interface FailedData {
  job_id: string;
  /** A sentence for the user. */
  error: string;
  code: string;
  stage: Stage;
  status: "failed" | "cancelled" | "declined";
  retryable: boolean;
  timestamp: string;
}

/** Data of bulk_upload_progress. Where a job is; with seq it is a fact, without it only the newest progress. */
export interface ProgressData {
  job_id: string;
  stage: Stage;
  /** Percent of the whole job. */
  progress: number;
  message: string;
  status: "pending" | "processing" | "paused" | "awaiting_approval";
  rows_processed: number;
  rows_total: number;
  timestamp: string;
  /** Set while the job is paused or awaits approval. */
  reason?: string;
  /** Set while the job is paused. */
  resumes_at?: string;
  /** When the IEC will have answered for all rows, by the speed so far. */
  eta?: string;
}

/** Data of error. A request was refused. */
export interface ErrorData {
  code: "unauthenticated" | "forbidden" | "not_found" | "bad_request" | "too_many_subscriptions" | "overloaded";
  message: string;
}

/** Data of iec_rate_limit_exceeded. The hourly quota of IEC calls is spent; the job goes on at resumes_at. */
export interface RateLimitExceededData {
  job_id: string;
  stage: Stage;
  /** Percent of the whole job. */
  progress: number;
  message: string;
  status: "pending" | "processing" | "paused";
  rows_processed: number;
  rows_total: number;
  timestamp: string;
  reason: string;
  resumes_at: string;
  /** Calls of the last hour. */
  current_count: number;
  max_limit: number;
  remaining: number;
  percentage_used: number;
  /** When the oldest of them become free again. */
  reset_time: string;
  /** When the IEC will have answered for all rows, by the speed so far. */
  eta?: string;
}

/** Data of iec_rate_limit_warning. Most of the hourly quota of IEC calls is spent; the job may have to pause. */
export interface RateLimitWarningData {
  job_id: string;
  stage: Stage;
  /** Percent of the whole job. */
  progress: number;
  message: string;
  status: "pending" | "processing" | "paused";
  rows_processed: number;
  rows_total: number;
  timestamp: string;
  /** Calls of the last hour. */
  current_count: number;
  max_limit: number;
  remaining: number;
  percentage_used: number;
  /** When the oldest of them become free again. */
  reset_time: string;
}

/** Data of pong. The answer to ping. */
export type PongData = object;

/** What the server says of jobs. */
export type ServerEvent =
  | { event: "bulk_upload_complete"; data: CompleteData; seq: number; replayed?: true }
  | { event: "bulk_upload_erased"; data: ErasedData; seq: number; replayed?: true }
  | { event: "bulk_upload_failed"; data: FailedData; seq: number; replayed?: true }
  | { event: "bulk_upload_progress"; data: ProgressData; seq?: number; replayed?: true }
  | { event: "iec_rate_limit_exceeded"; data: RateLimitExceededData; seq: number; replayed?: true }
  | { event: "iec_rate_limit_warning"; data: RateLimitWarningData; seq: number; replayed?: true };

export const serverEvents = [
  "bulk_upload_complete",
  "bulk_upload_erased",
  "bulk_upload_failed",
  "bulk_upload_progress",
  "iec_rate_limit_exceeded",
  "iec_rate_limit_warning",
] as const;

/** What the server answers to a request, whose id it repeats. */
export type Answer =
  | { event: "ack"; data: AckData; id?: number }
  | { event: "error"; data: ErrorData; id?: number }
  | { event: "pong"; data: PongData; id?: number };

export const answers = [
  "ack",
  "error",
  "pong",
] as const;

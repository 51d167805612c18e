export const stages = ["initialization", "file_reading", "pre_validation", "iec_verification", "database_operations", "report_generation"] as const;
export type Stage = (typeof stages)[number];
export type Status = "pending" | "processing" | "paused" | "completed" | "failed" | "cancelled";
export type Connection = "connecting" | "open" | "waiting" | "closed";
export type Counts = Record<string, number | boolean>;

interface Progress {
  job_id: string;
  stage: Stage;
  progress: number;
  message: string;
  status: Status;
  rows_processed: number;
  rows_total: number;
  timestamp: string;
  reason?: string;
  resumes_at?: string;
  eta?: string;
}

/** JobEvent is a frame about a job; with seq it is a fact, without it only the newest progress. */
export type JobEvent = { seq?: number } & (
  | { event: "bulk_upload_progress" | "iec_rate_limit_exceeded" | "iec_rate_limit_warning"; data: Progress }
  | {
      event: "bulk_upload_complete";
      data: { job_id: string; status: "completed"; validation_stats: Counts; database_stats: Counts; processing_duration_ms: number; timestamp: string };
    }
  | {
      event: "bulk_upload_failed";
      data: { job_id: string; error: string; code: string; stage: Stage; status: "failed" | "cancelled"; retryable: boolean; timestamp: string };
    }
);

/** JobStatus is the part of a job's REST status that the frames do not have. */
export interface JobStatus {
  job_id: string;
  file_name: string;
  options: { dry_run?: boolean; skip_iec?: boolean };
  validation_stats?: Counts;
  iec_stats?: Counts;
  database_stats?: Counts;
}

export interface Listed {
  job_id: string;
  file_name: string;
  status: Status;
  progress: number;
  created_at: string;
}

export interface Quota {
  current_count: number;
  max_limit: number;
  percentage_used: number;
  is_limited: boolean;
  reset_time: string | null;
}

export interface UploadOptions {
  dryRun: boolean;
  skipIEC: boolean;
  /** onProgress hears which part of the file is sent, 0 to 1. */
  onProgress(part: number): void;
}

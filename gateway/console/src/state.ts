import type { JobEvent, JobStatus, Stage } from "../../client/ts/src/index.js";

export const stages: readonly Stage[] = [
  "initialization", "file_reading", "pre_validation", "iec_verification", "database_operations", "report_generation",
];

type ServerEvent = Exclude<JobEvent, { event: "reset" }>;

export type Kind =
  | "uploaded" | "validated" | "verified" | "persisted" | "reported"
  | "paused" | "resumed" | "warned" | "retried" | "failed" | "cancelled" | "erased"
  | "proposed" | "approved" | "declined";

/** A job as it was after some event. */
export interface State {
  status: JobStatus;
  stage: Stage;
  percent: number;
  message: string;
  processed: number;
  total: number;
  at: string;
  eta?: string;
  resumesAt?: string;
  retryable: boolean;
  /** There was a report, and it is no longer kept. */
  reportGone?: boolean;
  tookMS?: number;
  /** Which counts are known by now. */
  known: { rows: boolean; iec: boolean; members: boolean };
}

export interface Step {
  seq: number;
  kind: Kind;
  state: State;
}

const initial: State = {
  status: "pending", stage: "initialization", percent: 0, message: "", processed: 0, total: 0, at: "", retryable: false,
  known: { rows: false, iec: false, members: false },
};

// The fact that a stage ends with.
const lastKind: Partial<Record<Stage, Kind>> = {
  initialization: "uploaded", pre_validation: "validated", iec_verification: "verified",
  database_operations: "persisted",
};

/** The percentage of the whole job at which a stage is done. */
export const bandEnds: Record<Stage, number> = {
  initialization: 0, file_reading: 20, pre_validation: 40, iec_verification: 60, database_operations: 80,
  report_generation: 100,
};

/** Returns the kind of a fact, given the state of the job before it. */
function kindOf(e: ServerEvent, before: State | undefined): Kind {
  switch (e.event) {
    case "bulk_upload_complete": return "reported";
    case "bulk_upload_failed": return e.data.status;
    case "bulk_upload_erased": return "erased";
    case "iec_rate_limit_warning": return "warned";
    case "iec_rate_limit_exceeded": return "paused";
    case "bulk_upload_progress":
  }
  if (e.data.status === "paused") return "paused";
  if (e.data.status === "awaiting_approval") return "proposed";
  if (before?.status === "awaiting_approval") return "approved";
  if (before?.status === "paused") return "resumed";
  if (before?.status === "failed" || before?.status === "cancelled") return "retried";
  return e.data.progress >= bandEnds[e.data.stage] ? (lastKind[e.data.stage] ?? "resumed") : "resumed";
}

/** Returns the state of a job after one more event. */
function fold(before: State, e: ServerEvent, kind: Kind | null): State {
  const known = { ...before.known };
  if (kind === "validated" || kind === "reported") known.rows = true;
  if (kind === "verified" || kind === "reported") known.iec = true;
  if (kind === "persisted" || kind === "proposed" || kind === "reported") known.members = true;
  switch (e.event) {
    case "bulk_upload_complete":
      return { ...before, known, status: "completed", stage: "report_generation", percent: 100, message: "",
        at: e.data.timestamp, eta: undefined, resumesAt: undefined, tookMS: e.data.processing_duration_ms };
    case "bulk_upload_failed":
      return { ...before, known, status: e.data.status, stage: e.data.stage, message: e.data.error,
        at: e.data.timestamp, eta: undefined, resumesAt: undefined, retryable: e.data.retryable };
    case "bulk_upload_erased":
      return { ...before, known, at: e.data.timestamp, retryable: before.retryable && e.data.reason !== "expired",
        reportGone: before.reportGone || e.data.report_removed };
    default: {
      const d = e.data;
      return { ...before, known, status: d.status, stage: d.stage, percent: d.progress, message: d.message,
        processed: d.rows_processed, total: d.rows_total || before.total, at: d.timestamp, eta: d.eta,
        resumesAt: d.resumes_at, retryable: false };
    }
  }
}

export const isOver = (s: JobStatus) => s === "completed" || s === "failed" || s === "cancelled" || s === "declined";

/** Everything that has happened to a job, and its state now. */
export class History {
  steps: Step[] = [];
  now: State | undefined;

  /** Adds an event. Returns true for a fact. */
  add(e: ServerEvent): boolean {
    const last = this.steps.at(-1);
    if (!e.seq) {
      // Late progress of a job that has ended is outdated.
      if (!last || isOver(last.state.status)) return false;
      // Progress may come late. A bar never goes back, unless a fact says so.
      const least = this.now?.percent ?? 0;
      this.now = fold(last.state, e, null);
      this.now.percent = Math.max(this.now.percent, least);
      return false;
    }
    if (last && e.seq <= last.seq) return false;
    const kind = kindOf(e, last?.state);
    this.now = fold(last?.state ?? initial, e, kind);
    this.steps.push({ seq: e.seq, kind, state: this.now });
    return true;
  }
}

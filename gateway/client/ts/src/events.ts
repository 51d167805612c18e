// What the server sends, as the rest of this client uses it. The types of frames are
// generated; see frames.ts.

import {
  answers, serverEvents,
  type Answer, type ProgressData, type RateLimitExceededData, type ServerEvent as AnyServerEvent,
} from "./frames.js";

export type {
  CompleteData, DatabaseStats, ErasedData, FailedData, IECStats, JobStatus, ProgressData, Stage, ValidationStats,
} from "./frames.js";

/** How much of the hourly quota of IEC calls is spent. */
export type Quota = Pick<
  RateLimitExceededData, "current_count" | "max_limit" | "remaining" | "percentage_used" | "reset_time"
>;

/** Data of iec_rate_limit_exceeded, and of iec_rate_limit_warning, which has less in it. */
export type RateLimitData = ProgressData & Quota;

type RateLimitEvent = "iec_rate_limit_exceeded" | "iec_rate_limit_warning";

/** A JobEvent that comes from the server. */
export type ServerEvent =
  | Exclude<AnyServerEvent, { event: RateLimitEvent }>
  | { event: RateLimitEvent; data: RateLimitData; seq: number };

/**
 * What a watch passes on. With `seq` it is a fact, which comes once and in order; without
 * it, only the newest progress. `reset` says that the server's log was recreated: forget
 * what came before, for it comes again from the beginning.
 */
export type JobEvent = ServerEvent | { event: "reset"; data: { job_id?: string }; seq?: undefined };

export type Frame = ServerEvent | Answer;

const eventNames: ReadonlySet<string> = new Set(serverEvents);
const answerNames: ReadonlySet<string> = new Set(answers);

/** Parses a frame. Returns undefined for an event that this version does not know. */
export function parseFrame(text: string): Frame | undefined {
  const frame = JSON.parse(text) as { event?: unknown; data?: unknown };
  if (typeof frame.event !== "string" || typeof frame.data !== "object" || frame.data === null) return undefined;
  if (eventNames.has(frame.event) || answerNames.has(frame.event)) return frame as Frame;
  return undefined;
}

export function isServerEvent(frame: Frame): frame is ServerEvent {
  return eventNames.has(frame.event);
}

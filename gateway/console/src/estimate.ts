import type { ListedJob, RateLimit } from "../../client/ts/src/index.js";

/** What a file will take. */
export interface Estimate {
  /** IEC calls at most: answers that are kept cost none. */
  calls: number;
  /** Calls that are left in this hour, and how many there are in all. */
  left: number;
  limit: number;
  /** The job has to wait for calls. */
  waits: boolean;
  /** Milliseconds. */
  time: number;
}

// Rows a millisecond, where no job has shown it yet: 20 a second.
const usualSpeed = 0.02;
// Smaller jobs say more about how long a job takes to begin.
const tellingRows = 50;
const hour = 3_600_000;

/** Returns how many rows jobs got through in a millisecond: the median of those that tell. */
export function speedOf(jobs: readonly ListedJob[]): number {
  const speeds = jobs.flatMap((j) => {
    const rows = j.stats.iec_stats?.calls ?? 0;
    return rows >= tellingRows && j.processing_duration_ms ? [rows / j.processing_duration_ms] : [];
  }).sort((a, b) => a - b);
  return speeds[speeds.length >> 1] ?? usualSpeed;
}

/** Tells what so many valid rows take, when the quota is as it is now. */
export function estimate(validRows: number, withIEC: boolean, quota: RateLimit, speed: number): Estimate {
  const calls = withIEC ? validRows : 0;
  const own = quota.user;
  const left = Math.max(0, Math.min(quota.remaining, own?.remaining ?? Infinity));
  const limit = Math.max(1, Math.min(quota.max_limit, own?.max_limit ?? Infinity));
  const waits = calls > left;
  const waiting = waits ? Math.ceil((calls - left) / limit) * hour : 0;
  return { calls, left, limit, waits, time: Math.max(waiting, validRows / (withIEC ? speed : 10 * speed)) };
}

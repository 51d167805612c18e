import type { ListedJob } from "./rest.js";
import type { Quota } from "./events.js";

/** Counts of members; all but members and new add up to members. */
export interface MemberCounts {
  members: number;
  /** In the ward that the roll names. */
  registered: number;
  /** Registered, in another ward. */
  elsewhere: number;
  not_registered: number;
  abroad: number;
  deceased: number;
  unverified: number;
  /** Added by the job that was asked for. */
  new: number;
}

export interface PlaceStanding extends MemberCounts {
  /** A code; empty where none is known, and of the total. */
  province: string;
  municipality?: string;
  wards: number;
  wards_reached: number;
}

export interface WardStanding extends MemberCounts {
  /** Empty for members of whom no ward is known. */
  ward: string;
  sub_region: string;
  municipality: string;
  province: string;
  target: number;
  reached: boolean;
}

export interface Standing {
  as_of: string;
  target: number;
  below_target: boolean;
  job_id?: string;
  total: PlaceStanding;
  provinces: PlaceStanding[];
  municipalities: PlaceStanding[];
  wards: WardStanding[];
}

export interface WardQuery {
  province?: string;
  municipality?: string;
  ward?: string;
}

export interface StandingQuery extends WardQuery {
  /** A day of South Africa, 2026-03-01, at its end, or a time; default now. */
  asOf?: string;
  /** Lists only wards that have not reached the target. */
  belowTarget?: boolean;
  /** Counts as new those whom this job has added. */
  jobId?: string;
}

export interface CourseQuery extends WardQuery {
  from?: string;
  to?: string;
  /** Default month. */
  step?: "day" | "week" | "month";
}

export interface StandingPoint extends MemberCounts {
  at: string;
  wards_reached: number;
}

export interface WaitingJob extends ListedJob {
  waits_for: "approve" | "transfer" | "failed";
}

/** Which hours and whose jobs have had the calls to the IEC. */
export interface Usage {
  quota: Quota & { is_limited: boolean };
  /** From when on a call may be made. */
  next_free: string;
  from: string;
  to: string;
  hours: { hour: string; calls: number }[];
  users: { user_id: string; calls: number; jobs: number }[];
}

/** Returns a path below /wards with its query. */
export function wardsPath(path: string, query: StandingQuery & CourseQuery, more: Record<string, string> = {}): string {
  const search = new URLSearchParams(more);
  const names = { asOf: "as_of", jobId: "job_id", province: "province", municipality: "municipality", ward: "ward",
    from: "from", to: "to", step: "step" } as const;
  for (const [from, to] of Object.entries(names)) {
    const value = query[from as keyof typeof names];
    if (value) search.set(to, value);
  }
  if (query.belowTarget) search.set("below_target", "true");
  return `/wards${path}?${search.toString()}`;
}

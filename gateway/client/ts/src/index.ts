export { Rollcall, type RollcallOptions } from "./rollcall.js";
export { RollcallError } from "./error.js";
export type { Clock } from "./clock.js";
export type { ConnectionState, SocketConstructor, SocketLike } from "./socket.js";
export type { TokenSource } from "./token.js";
export type { UserWatchOptions, Watch, WatchOptions } from "./watch.js";
export type {
  CompleteData, DatabaseStats, ErasedData, FailedData, IECStats, JobEvent, JobStatus, ProgressData, Quota,
  RateLimitData, Stage, ValidationStats,
} from "./events.js";
export type { InspectedColumn, Inspection, Mapping, SavedMapping } from "./inspect.js";
export type {
  CourseQuery, MemberCounts, PlaceStanding, Standing, StandingPoint, StandingQuery, Usage, WaitingJob, WardQuery, WardStanding,
} from "./wards.js";
export type { Chapter, Story } from "./story.js";
export type { Mode, RowOptions } from "./options.js";
export type { Memory, ResumeOptions } from "./resume.js";
export type {
  Accepted, History, HistoryQuery, Job, JobOptions, ListedJob, MappedColumn, Me, Notifications, Permission, RateLimit, Row,
  RowHistory, RowPage, RowQuery, Stats, UploadOptions, Workbook,
} from "./rest.js";

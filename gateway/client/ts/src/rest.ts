import { RollcallError, unauthenticated } from "./error.js";
import type { DatabaseStats, IECStats, JobStatus, Quota, Stage, ValidationStats } from "./events.js";
import type { Clock } from "./clock.js";
import { fieldsOf, type Mode, type RowOptions } from "./options.js";
import { ResumableUpload } from "./resume.js";
import type { ResumeOptions, SendRequest } from "./resume.js";
import type { Tokens } from "./token.js";

export interface UploadOptions extends RowOptions {
  /** Default: the File's own name, else upload.xlsx. */
  fileName?: string;
  /**
   * Called with the bytes sent so far and in all, form included. Needs the
   * XMLHttpRequest of browsers; elsewhere it is called once, after the answer.
   */
  onProgress?: (sent: number, total: number) => void;
  signal?: AbortSignal;
}

export interface JobOptions {
  skip_iec?: boolean;
  dry_run?: boolean;
  /** The job that this one undoes. */
  undoes?: string;
  /** The job whose waiting rows this one writes. */
  completes?: string;
  /** The dry run that this one writes. */
  commits?: string;
  /** The job whose rows this one corrects. */
  follows?: string;
  /** Somebody else must approve the job before it writes. */
  approval?: boolean;
  /** Which people may be written; both where there is none. */
  mode?: Exclude<Mode, "upsert">;
  /** A cell with (clear) empties that field of a member. */
  allow_clear?: boolean;
}

/** A column of which the uploader said what it is; without a field it is left out. */
export interface MappedColumn {
  letter: string;
  /** The header, ID numbers masked, empty for none. */
  name: string;
  field?: string;
}

export interface Accepted {
  job_id: string;
  status: "pending";
  file_name: string;
  file_size: number;
  sha256: string;
  options: JobOptions;
  mapping?: MappedColumn[];
  links: { status: string; report: string; cancel: string };
  message: string;
  /** Where the job stands among all that wait, from 1; null when it waits no longer or nobody could count. */
  queue_position: number | null;
}

export interface Job {
  job_id: string;
  status: JobStatus;
  file_name: string;
  file_size: number;
  user_id: string;
  stage: Stage;
  progress: number;
  message: string;
  rows_processed: number;
  rows_total: number;
  options: JobOptions;
  seq: number;
  /** The job may have come further: the servers that would know cannot be reached. */
  stale?: boolean;
  validation_stats?: ValidationStats;
  iec_stats?: IECStats;
  database_stats?: DatabaseStats;
  /** Columns of the file that were not used, the first 100; unused_total counts all. */
  unused_columns?: { letter: string; name: string; why: "unknown" | "empty" | "twice" | "left_out"; used?: string }[];
  unused_total?: number;
  /** Columns that were taken for a field by what they hold. */
  guessed_columns?: { letter: string; name: string; field: string; message: string }[];
  mapping?: MappedColumn[];
  error?: { code: string; message: string; stage: string; attempts: number; retryable: boolean };
  /** What the job would write waits, or has waited, for a decision. */
  proposal?: { reason: string; asked_by: string; decided_by?: string; comment?: string };
  resumes_at?: string;
  eta?: string;
  report_path?: string;
  processing_duration_ms?: number;
  created_at: string;
  updated_at: string;
  uploaded_by: string;
  uploaded_at: string;
  /** null while the job waits. */
  processing_start: string | null;
  processing_end: string | null;
  report_filename: string | null;
  error_message: string | null;
}

export interface HistoryQuery {
  /** The next_cursor of the page before, instead of page. */
  cursor?: string;
  /** From 1; default 1. */
  page?: number;
  /** 1 to 100; default 20. */
  pageSize?: number;
  status?: JobStatus;
  /** A part of the name of the file or of the job's id; for those who see everybody's jobs also of the uploader's. */
  search?: string;
  /** A day of South Africa, 2026-03-01, or a time in ISO 8601; both are included. */
  from?: string;
  to?: string;
}

export interface ListedJob {
  job_id: string;
  user_id: string;
  file_name: string;
  file_size: number;
  status: JobStatus;
  stage: Stage;
  progress: number;
  stats: { validation_stats?: ValidationStats; iec_stats?: IECStats; database_stats?: DatabaseStats };
  failed_stage: string | null;
  failed_attempts: number | null;
  error_code: string | null;
  error_message: string | null;
  created_at: string;
  updated_at: string;
  completed_at: string | null;
  processing_duration_ms: number | null;
  validation_stats: ValidationStats | null;
  database_stats: DatabaseStats | null;
  uploaded_by: string;
  uploaded_at: string;
  report_filename: string | null;
}

export interface History {
  jobs: ListedJob[];
  total: number;
  page: number;
  page_size: number;
  pagination: { page: number; limit: number; total_count: number; total_pages: number; next_cursor: string | null };
}

/** Whom the server takes a token for. */
export interface Me {
  user_id: string;
  role: string;
  /** What the role may do with jobs of its own. */
  permissions: string[];
  /** Where the user works; level "" is nowhere. */
  area: { level: "" | "country" | "province" | "municipality" | "ward"; codes: string[] };
}

/** What a user is told by e-mail. */
export interface Notifications {
  /** A job of the user's has ended or waits for approval. */
  jobs: boolean;
  /** A job of somebody else waits for the user's approval. */
  waiting: boolean;
  /** Where; null where the token names no address. */
  email: string | null;
  /** Whether the server sends e-mail. */
  available: boolean;
  /** Whether jobs can wait for the user. */
  may_approve: boolean;
}

/** Whether the user could upload a file now. */
export interface Permission {
  can_upload: boolean;
  /** A sentence for the user; null for who can. */
  reason: string | null;
  /** When they can again; null for who can and where nobody knows. */
  reset_time: string | null;
}

export interface Calls extends Omit<Quota, "reset_time"> {
  is_limited: boolean;
  reset_time: string | null;
}

export interface RateLimit extends Calls {
  /** What the jobs of the user may take of it; absent where users have no limit of their own. */
  user?: Calls;
}

export interface Stats {
  total_jobs: number;
  by_status: Record<JobStatus, number>;
  total_records: number;
  inserts: number;
  updates: number;
  average_duration_ms: number;
}

export interface RowQuery {
  /** Rows that have any of these, such as invalid or duplicate. */
  statuses?: string[];
  /** Rows that have any of these codes of a reject or a warning, such as checksum. */
  codes?: string[];
  /** Words of a name, or the last digits of an ID number, 7 at most. */
  search?: string;
  /** The next_cursor of the page before. */
  cursor?: string;
  /** 1 to 1000; default 100. */
  limit?: number;
}

export interface Row {
  /** Its number in the uploaded sheet. */
  row: number;
  /** The one of statuses that says the most. */
  status: string;
  statuses: string[];
  codes: string[];
  /** The ID number with its middle hidden. */
  id: string;
  name: string;
  /** What the database did; none where it did nothing. */
  outcome: string;
  reason?: string;
}

export interface RowPage {
  job_id: string;
  status: JobStatus;
  /** False while the job runs: the rows say what is known so far. */
  complete: boolean;
  /** Outcomes are what would be written. */
  dry_run: boolean;
  /** All rows of the job. */
  total: number;
  /** How many rows have a status. */
  counts: Record<string, number>;
  rows: Row[];
  /** Absent after the last page. */
  next_cursor?: string;
}

/** Returns the path of the rows of a job. */
export function rowsPath(jobId: string, query: RowQuery): string {
  const search = new URLSearchParams();
  if (query.statuses?.length) search.set("status", query.statuses.join(","));
  if (query.codes?.length) search.set("code", query.codes.join(","));
  if (query.search) search.set("q", query.search);
  if (query.cursor) search.set("cursor", query.cursor);
  if (query.limit !== undefined) search.set("limit", String(query.limit));
  return `/jobs/${encodeURIComponent(jobId)}/rows?${search.toString()}`;
}

/** Everything that happened to one row. */
export interface RowHistory {
  row: number;
  /** Whether it went on after the rules. */
  accepted: boolean;
  cells: { column: string; text: string; field?: string; value?: string; cleared?: boolean }[];
  guessed?: { field: string; value: string }[];
  rules: { rule: string; answer: "passed" | "failed" | "not_reached"; message?: string }[];
  warnings: { field: string; code: string; message: string }[];
  iec: {
    status: string; why?: string; ward?: string; vd?: string; station?: string; municipality?: string; province?: string;
    at?: string; kept?: boolean;
  };
  database: {
    result: string; why?: string; vd_code?: string; changed?: string[]; cleared?: string[];
    before?: Record<string, unknown>; after?: Record<string, unknown>; dry_run?: boolean;
  };
  report_sheets: { name: string; row: number }[];
}

export interface Workbook {
  blob: Blob;
  fileName: string;
}

interface Reply {
  status: number;
  text: string;
}

type Method = "GET" | "POST" | "PUT";

const apiBase = "/api/v1/bulk-upload";

/** The REST API. Every method throws RollcallError. */
export class Rest {
  readonly #url: string;
  readonly #tokens: Tokens;
  readonly #fetch: typeof fetch;

  constructor(url: string, tokens: Tokens, fetcher: typeof fetch) {
    this.#url = url + apiBase;
    this.#tokens = tokens;
    this.#fetch = fetcher;
  }

  /** Sends a file as a form. */
  async sendFile<T>(path: string, file: Blob, options: UploadOptions): Promise<T> {
    const form = new FormData();
    // Fields come before the file, so that the server knows them when the file begins.
    for (const [name, value] of fieldsOf(options)) form.append(name, value);
    const own = "name" in file && typeof file.name === "string" ? file.name : "";
    form.append("file", file, options.fileName ?? (own || "upload.xlsx"));
    const { onProgress, signal } = options;
    if (onProgress && typeof XMLHttpRequest !== "undefined") {
      const reply = await this.#withToken((token) => sendForm(this.#url + path, token, form, onProgress, signal));
      return data<T>(reply);
    }
    const answer = await this.call<T>("POST", path, form, signal);
    onProgress?.(file.size, file.size);
    return answer;
  }

  /** Sends a file in parts, and returns the id of its job. */
  uploadResumed(file: Blob, options: ResumeOptions, clock: Clock): Promise<string> {
    const request: SendRequest = (method, path, headers, body, signal) =>
      this.#withToken((token) =>
        read(() => {
          const init: RequestInit = { method, headers: { ...headers, Authorization: `Bearer ${token}` } };
          if (body) init.body = body;
          if (signal) init.signal = signal;
          return this.#fetch(this.#url + path, init);
        }),
      );
    return new ResumableUpload(file, request, clock, options, this.#url).send();
  }

  async call<T>(method: Method, path: string, body?: FormData | string, signal?: AbortSignal): Promise<T> {
    const response = await this.#request(method, path, body, signal);
    return data<T>({ status: response.status, text: await read(() => response.text()) });
  }

  async workbook(path: string, accept?: string): Promise<Workbook> {
    const response = await this.#request("GET", path, undefined, undefined, accept);
    if (!response.ok) data({ status: response.status, text: await read(() => response.text()) });
    const blob = await read(() => response.blob());
    return { blob, fileName: fileName(response.headers.get("Content-Disposition")) };
  }

  #request(
    method: string, path: string, body?: FormData | string, signal?: AbortSignal, accept?: string,
  ): Promise<Response> {
    return this.#withToken((token) =>
      read(() => {
        const headers: Record<string, string> = { Authorization: `Bearer ${token}` };
        if (accept) headers.Accept = accept;
        const init: RequestInit = { method, headers };
        if (body) init.body = body;
        if (signal) init.signal = signal;
        return this.#fetch(this.#url + path, init);
      }),
    );
  }

  /** Makes a request, and repeats it with a fresh token if the first one is refused. */
  async #withToken<R extends { status: number }>(request: (token: string) => Promise<R>): Promise<R> {
    const reply = await request(await this.#tokens.get());
    if (reply.status !== 401 || !this.#tokens.renewable) return reply;
    return request(await this.#tokens.fresh());
  }
}

/** Turns whatever a request throws into a RollcallError. */
async function read<T>(answer: () => Promise<T>): Promise<T> {
  try {
    return await answer();
  } catch (cause) {
    throw requestError(cause);
  }
}

function requestError(cause: unknown): RollcallError {
  if (cause instanceof Error && cause.name === "AbortError") {
    return new RollcallError("aborted", "The request was cancelled.", { cause });
  }
  return new RollcallError("network", "The server cannot be reached. Please try again.", { cause });
}

/** Returns the data of an answer, or throws its error. */
function data<T>(reply: Reply): T {
  let answer: {
    success?: boolean; message?: string; data?: T; error?: { code?: string; details?: Record<string, unknown> };
  };
  try {
    answer = JSON.parse(reply.text) as typeof answer;
  } catch (cause) {
    if (reply.status === 401) throw unauthenticated(cause);
    throw new RollcallError("bad_answer", "The server's answer cannot be read.", { status: reply.status, cause });
  }
  if (answer.success === true) return answer.data as T;
  throw new RollcallError(
    answer.error?.code ?? "bad_answer", answer.message ?? "The server's answer cannot be read.",
    { status: reply.status, details: answer.error?.details ?? {} },
  );
}

/** Sends a form and reports how much was sent, which fetch cannot do. */
function sendForm(
  url: string, token: string, form: FormData,
  onProgress: (sent: number, total: number) => void, signal?: AbortSignal,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    const abort = () => xhr.abort();
    const done = (settle: () => void) => () => {
      signal?.removeEventListener("abort", abort);
      settle();
    };
    xhr.open("POST", url);
    xhr.setRequestHeader("Authorization", `Bearer ${token}`);
    xhr.upload.onprogress = (e) => onProgress(e.loaded, e.total);
    xhr.onload = done(() => resolve({ status: xhr.status, text: xhr.responseText }));
    xhr.onerror = done(() => reject(requestError(undefined)));
    xhr.onabort = done(() => reject(new RollcallError("aborted", "The request was cancelled.")));
    if (signal?.aborted) {
      reject(new RollcallError("aborted", "The request was cancelled."));
      return;
    }
    signal?.addEventListener("abort", abort);
    xhr.send(form);
  });
}

/** Returns the file name of a Content-Disposition, in either of its two forms. */
export function fileName(disposition: string | null): string {
  const coded = /filename\*=utf-8''([^;]+)/i.exec(disposition ?? "")?.[1];
  if (coded !== undefined) return decodeURIComponent(coded);
  const plain = /filename=(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))/i.exec(disposition ?? "");
  return plain?.[1]?.replace(/\\(.)/g, "$1") ?? plain?.[2] ?? "";
}

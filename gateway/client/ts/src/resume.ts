import { backoff } from "./clock.js";
import type { Clock } from "./clock.js";
import { RollcallError } from "./error.js";

/** Where a resumed upload notes how to go on; localStorage is one. */
export interface Memory {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export interface ResumeOptions {
  /** Do everything but write to the database. */
  dryRun?: boolean;
  /** false leaves every row unverified; default true. */
  iecVerification?: boolean;
  /** Default: the File's own name, else upload.xlsx. */
  fileName?: string;
  /** Bytes that have arrived, and in all. */
  onProgress?: (arrived: number, total: number) => void;
  /** The line broke, and is tried again in so many milliseconds. */
  onWaiting?: (ms: number) => void;
  /** Default: localStorage where there is one. null notes nothing: only this call goes on. */
  memory?: Memory | null;
  signal?: AbortSignal;
}

/** What Resumed needs of the REST API: a request that is signed in, of which any status is an answer. */
export type Ask = (method: string, path: string, headers: Record<string, string>, body: Blob | undefined, signal: AbortSignal | undefined) => Promise<Response>;

/** Bytes of a part: what is sent again at most when a line breaks without a word. */
const part = 512 * 1024;
/** Failures in a row, without a byte more having arrived, after which it is given up. */
const tries = 10;

const base64 = (text: string) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

/** Resumed is an upload by the tus protocol, over as many connections as it takes. */
export class Resumed {
  readonly #meta: string;
  readonly #key: string;
  readonly #memory: Memory | null;
  #path: string | null;

  constructor(readonly file: Blob, readonly ask: Ask, readonly clock: Clock, readonly options: ResumeOptions, server: string) {
    const own = "name" in file && typeof file.name === "string" ? file.name : "";
    const changed = "lastModified" in file && typeof file.lastModified === "number" ? file.lastModified : 0;
    const name = options.fileName ?? (own || "upload.xlsx");
    const meta = [`filename ${base64(name)}`];
    if (options.dryRun !== undefined) meta.push(`dry_run ${base64(String(options.dryRun))}`);
    if (options.iecVerification !== undefined) meta.push(`iec_verification ${base64(String(options.iecVerification))}`);
    this.#meta = meta.join(",");
    // Without a time of change it may be another file of the same name and size.
    this.#memory = changed === 0 ? null : (options.memory === undefined ? (globalThis.localStorage ?? null) : options.memory);
    this.#key = ["rollcall-upload", server, this.#meta, file.size, changed].join(" ");
    this.#path = this.#memory?.getItem(this.#key) ?? null;
  }

  /** Sends what has not arrived, and returns the job's id. */
  async send(): Promise<string> {
    let best = -1;
    for (let failures = 0; ; ) {
      try {
        const job = await this.#go((arrived) => {
          if (arrived > best) [best, failures] = [arrived, 0];
          this.options.onProgress?.(arrived, this.file.size);
        });
        this.#forget();
        return job;
      } catch (e) {
        if (!(e instanceof RollcallError) || !passing(e)) {
          if (e instanceof RollcallError && e.code !== "aborted") this.#forget();
          throw e;
        }
        if (++failures > tries) throw e;
        await this.#wait(backoff(failures + 2, Math.random));
      }
    }
  }

  /** Asks what has arrived and sends the rest, part by part. */
  async #go(arrived: (bytes: number) => void): Promise<string> {
    let offset = 0;
    if (this.#path !== null) {
      const head = await this.#request("HEAD", this.#path, {});
      if (head.status === 404) this.#forget(); // a day has passed
      else {
        offset = Number(head.headers.get("Upload-Offset"));
        const job = head.headers.get("Upload-Job");
        if (job !== null) return job;
      }
    }
    if (this.#path === null) {
      offset = 0;
      const begun = await this.#request("POST", "/tus", { "Upload-Length": String(this.file.size), "Upload-Metadata": this.#meta });
      this.#path = "/tus/" + (begun.headers.get("Location") ?? "").split("/").pop();
      this.#memory?.setItem(this.#key, this.#path);
    }
    for (arrived(offset); ; arrived(offset)) {
      const sent = await this.#request("PATCH", this.#path, { "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" },
        this.file.slice(offset, offset + part));
      offset = Number(sent.headers.get("Upload-Offset"));
      const job = sent.headers.get("Upload-Job");
      if (job !== null) {
        arrived(offset);
        return job;
      }
    }
  }

  async #request(method: string, path: string, headers: Record<string, string>, body?: Blob): Promise<Response> {
    const response = await this.ask(method, path, { "Tus-Resumable": "1.0.0", ...headers }, body, this.options.signal);
    if (response.ok || (method === "HEAD" && response.status === 404)) return response;
    let answer: { message?: string; error?: { code?: string; details?: Record<string, unknown> } } = {};
    try {
      answer = JSON.parse(await response.text()) as typeof answer;
    } catch {
      // the protocol's own refusals are plain text
    }
    throw new RollcallError(answer.error?.code ?? "bad_answer", answer.message ?? "The upload cannot be gone on with.", { status: response.status, details: answer.error?.details ?? {} });
  }

  #forget(): void {
    this.#path = null;
    this.#memory?.removeItem(this.#key);
  }

  #wait(ms: number): Promise<void> {
    this.options.onWaiting?.(ms);
    return new Promise((resolve, reject) => {
      const { signal } = this.options;
      if (signal?.aborted) return reject(new RollcallError("aborted", "This was given up."));
      const abort = () => {
        this.clock.clearTimeout(timer);
        reject(new RollcallError("aborted", "This was given up."));
      };
      const timer = this.clock.setTimeout(() => {
        signal?.removeEventListener("abort", abort);
        resolve();
      }, ms);
      signal?.addEventListener("abort", abort, { once: true });
    });
  }
}

/** Whether trying again may help: the line, a server that starts again, one that is busy, or another part that came first. */
function passing(e: RollcallError): boolean {
  return e.code === "network" || e.status === 409 || e.status >= 500;
}

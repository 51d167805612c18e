import { fieldsOf, type RowOptions } from "./options.js";
import { backoff } from "./clock.js";
import type { Clock } from "./clock.js";
import { RollcallError } from "./error.js";

/** Where a resumable upload remembers how to go on; localStorage is one. */
export interface Memory {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export interface ResumeOptions extends RowOptions {
  /** Default: the File's own name, else upload.xlsx. */
  fileName?: string;
  /** Called with the bytes that have arrived, and the bytes in all. */
  onProgress?: (arrived: number, total: number) => void;
  /** Called when the connection broke; the next attempt is in so many milliseconds. */
  onWaiting?: (ms: number) => void;
  /** Default: localStorage where there is one. null remembers nothing: only this call can go on. */
  memory?: Memory | null;
  signal?: AbortSignal;
}

/** Makes a request with a token. Any status is an answer, and no error. */
export type SendRequest = (
  method: string, path: string, headers: Record<string, string>,
  body: Blob | undefined, signal: AbortSignal | undefined,
) => Promise<Response>;

/** Bytes of a part: at most so much is sent twice when the connection breaks. */
const partSize = 512 * 1024;
/** Failures in a row, without another byte having arrived, after which the upload fails. */
const maxFailures = 10;

const base64 = (text: string) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

/** An upload by the tus protocol, over as many connections as it takes. */
export class ResumableUpload {
  readonly #meta: string;
  readonly #key: string;
  readonly #memory: Memory | null;
  #path: string | null;

  constructor(
    readonly file: Blob, readonly sendRequest: SendRequest, readonly clock: Clock, readonly options: ResumeOptions,
    server: string,
  ) {
    const own = "name" in file && typeof file.name === "string" ? file.name : "";
    const changed = "lastModified" in file && typeof file.lastModified === "number" ? file.lastModified : 0;
    const name = options.fileName ?? (own || "upload.xlsx");
    const meta = [`filename ${base64(name)}`];
    for (const [field, value] of fieldsOf(options)) meta.push(`${field} ${base64(value)}`);
    this.#meta = meta.join(",");
    // Without a time of change it may be another file of the same name and size.
    const memory = options.memory === undefined ? (globalThis.localStorage ?? null) : options.memory;
    this.#memory = changed === 0 ? null : memory;
    this.#key = ["rollcall-upload", server, this.#meta, file.size, changed].join(" ");
    this.#path = this.#memory?.getItem(this.#key) ?? null;
  }

  /** Sends what has not arrived yet, and returns the job's id. */
  async send(): Promise<string> {
    let most = -1;
    for (let failures = 0; ; ) {
      try {
        const job = await this.#attempt((arrived) => {
          if (arrived > most) [most, failures] = [arrived, 0];
          this.options.onProgress?.(arrived, this.file.size);
        });
        this.#forget();
        return job;
      } catch (e) {
        if (!(e instanceof RollcallError) || !isTemporary(e)) {
          if (e instanceof RollcallError && e.code !== "aborted") this.#forget();
          throw e;
        }
        if (++failures > maxFailures) throw e;
        await this.#wait(backoff(failures + 2, Math.random));
      }
    }
  }

  /** Asks how much has arrived, and sends the rest part by part. */
  async #attempt(arrived: (bytes: number) => void): Promise<string> {
    let offset = 0;
    if (this.#path !== null) {
      const head = await this.#request("HEAD", this.#path, {});
      if (head.status === 404) this.#forget(); // the server keeps it for a day
      else {
        offset = Number(head.headers.get("Upload-Offset"));
        const job = head.headers.get("Upload-Job");
        if (job !== null) return job;
      }
    }
    if (this.#path === null) {
      offset = 0;
      const created = await this.#request(
        "POST", "/tus", { "Upload-Length": String(this.file.size), "Upload-Metadata": this.#meta },
      );
      this.#path = "/tus/" + (created.headers.get("Location") ?? "").split("/").pop();
      this.#memory?.setItem(this.#key, this.#path);
    }
    for (arrived(offset); ; arrived(offset)) {
      const sent = await this.#request(
        "PATCH", this.#path, { "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" },
        this.file.slice(offset, offset + partSize),
      );
      offset = Number(sent.headers.get("Upload-Offset"));
      const job = sent.headers.get("Upload-Job");
      if (job !== null) {
        arrived(offset);
        return job;
      }
    }
  }

  async #request(method: string, path: string, headers: Record<string, string>, body?: Blob): Promise<Response> {
    const all = { "Tus-Resumable": "1.0.0", ...headers };
    const response = await this.sendRequest(method, path, all, body, this.options.signal);
    if (response.ok || (method === "HEAD" && response.status === 404)) return response;
    let answer: { message?: string; error?: { code?: string; details?: Record<string, unknown> } } = {};
    try {
      answer = JSON.parse(await response.text()) as typeof answer;
    } catch {
      // The protocol's own refusals are plain text.
    }
    throw new RollcallError(
      answer.error?.code ?? "bad_answer", answer.message ?? "The upload cannot be continued.",
      { status: response.status, details: answer.error?.details ?? {} },
    );
  }

  #forget(): void {
    this.#path = null;
    this.#memory?.removeItem(this.#key);
  }

  #wait(ms: number): Promise<void> {
    this.options.onWaiting?.(ms);
    return new Promise((resolve, reject) => {
      const { signal } = this.options;
      if (signal?.aborted) return reject(new RollcallError("aborted", "The upload was cancelled."));
      const abort = () => {
        this.clock.clearTimeout(timer);
        reject(new RollcallError("aborted", "The upload was cancelled."));
      };
      const timer = this.clock.setTimeout(() => {
        signal?.removeEventListener("abort", abort);
        resolve();
      }, ms);
      signal?.addEventListener("abort", abort, { once: true });
    });
  }
}

/** Whether another attempt may help: the connection broke, the server is busy or restarts, or a part came twice. */
function isTemporary(e: RollcallError): boolean {
  return e.code === "network" || e.status === 409 || e.status >= 500;
}

import { RollcallError, request, send } from "./rest.ts";
import type { Connection, JobEvent, JobStatus, Listed, Quota, UploadOptions } from "./types.ts";

const base = "/api/v1/bulk-upload";
const firstWait = 500; // milliseconds
const longestWait = 15_000;
const pingEvery = 20_000;
const pingWithin = 10_000;

interface Room {
  job: string | null; // null: all jobs of the user
  after: number;
  onEvent(e: JobEvent): void;
  onReset(): void;
  onError(e: RollcallError): void;
}

/** Rollcall speaks to one server for one person: REST, and one WebSocket for all that is watched. */
export class Rollcall {
  #token: string;
  #rooms = new Map<string, Room>();
  #ws: WebSocket | null = null;
  #timer = 0;
  #pinger = 0;
  #answered = true;
  #tries = 0;
  #closed = false;
  #ids = 0;
  onConnection: (state: Connection) => void = () => {};
  onUnauthenticated: () => void = () => {};

  constructor(token: string) {
    this.#token = token;
  }

  connect(): void {
    if (this.#ws || this.#closed) return;
    this.onConnection("connecting");
    const url = new URL("/ws", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const ws = new WebSocket(url, ["rollcall", "bearer." + this.#token]);
    this.#ws = ws;
    ws.onopen = () => {
      this.#tries = 0;
      this.onConnection("open");
      for (const id of this.#rooms.keys()) this.#subscribe(id);
      this.#answered = true;
      this.#pinger = setInterval(() => this.#ping(ws), pingEvery);
    };
    ws.onmessage = (m) => this.#frame(JSON.parse(String(m.data)) as Frame);
    ws.onclose = (e) => this.#lost(e.code);
  }

  /** watch gives the events of a job after a sequence, then what comes; the function it returns ends that. */
  watch(job: string, on: Pick<Room, "onEvent" | "onReset" | "onError">): () => void {
    return this.#enter({ job, after: 0, ...on });
  }

  /** watchUser gives what comes of all jobs of the person. */
  watchUser(onEvent: (e: JobEvent) => void): () => void {
    return this.#enter({ job: null, after: 0, onEvent, onReset() {}, onError() {} });
  }

  #enter(room: Room): () => void {
    const id = `room-${++this.#ids}`;
    this.#rooms.set(id, room);
    this.#subscribe(id);
    return () => {
      this.#rooms.delete(id);
      const others = [...this.#rooms.values()].some((r) => r.job === room.job);
      if (room.job && !others) this.#say("unsubscribe_bulk_upload_job", { job_id: room.job });
    };
  }

  close(): void {
    this.#closed = true;
    this.#rooms.clear();
    clearTimeout(this.#timer);
    clearInterval(this.#pinger);
    this.#ws?.close(1000);
    this.#ws = null;
  }

  #subscribe(id: string): void {
    const room = this.#rooms.get(id);
    if (room?.job) this.#say("subscribe_bulk_upload_job", { job_id: room.job, after: room.after }, id);
  }

  #say(event: string, data: object, id?: string): void {
    if (this.#ws?.readyState === WebSocket.OPEN) this.#ws.send(JSON.stringify({ event, data, id }));
  }

  // A browser does not tell that the network is gone: only an answer does that it is there.
  #ping(ws: WebSocket): void {
    this.#answered = false;
    this.#say("ping", {});
    setTimeout(() => {
      if (!this.#answered && this.#ws === ws) {
        ws.onclose = null;
        ws.close();
        this.#lost(4004);
      }
    }, pingWithin);
  }

  #frame(f: Frame): void {
    this.#answered = true;
    if (f.event === "error") {
      const room = f.id ? this.#rooms.get(f.id) : undefined;
      if (room) this.#rooms.delete(f.id!);
      room?.onError(new RollcallError(f.data.code ?? "", f.data.message ?? "", 0));
    }
    if (f.event === "ack" || f.event === "pong" || f.event === "error") return;
    const e = f as unknown as JobEvent;
    for (const room of this.#rooms.values()) {
      if (room.job === null) room.onEvent(e);
      else if (room.job === e.data.job_id) {
        if (e.seq && e.seq <= room.after) continue; // came before the connection was lost
        if (e.seq) room.after = e.seq;
        room.onEvent(e);
      }
    }
  }

  #lost(code: number): void {
    clearInterval(this.#pinger);
    this.#ws = null;
    if (this.#closed) return;
    if (code === 4003) {
      for (const room of this.#rooms.values()) {
        room.after = 0;
        room.onReset();
      }
    }
    this.onConnection("waiting");
    // Full jitter: those who were cut off together do not come back together.
    const wait = code === 1012 && this.#tries === 0 ? 0 : Math.random() * Math.min(longestWait, firstWait * 2 ** this.#tries);
    this.#tries++;
    this.#timer = setTimeout(async () => {
      // A refused WebSocket does not say why; REST does.
      if (code === 4001 || code === 1006) await this.quota().catch(() => {});
      this.connect();
    }, wait);
  }

  async #ask<T>(method: string, path: string): Promise<T> {
    try {
      return (await request<T>(this.#token, method, base + path)).data;
    } catch (e) {
      throw this.#judged(e);
    }
  }

  #judged(e: unknown): unknown {
    if (e instanceof RollcallError && e.status === 401 && !this.#closed) {
      this.close();
      this.onUnauthenticated();
    }
    return e;
  }

  status = (job: string) => this.#ask<JobStatus>("GET", "/status/" + encodeURIComponent(job));
  history = (page: number) => this.#ask<{ jobs: Listed[]; total: number }>("GET", `/history?page=${page}`);
  quota = () => this.#ask<Quota>("GET", "/rate-limit-status");
  cancel = (job: string) => this.#ask<JobStatus>("POST", "/cancel/" + encodeURIComponent(job));
  retry = (job: string) => this.#ask<JobStatus>("POST", "/retry/" + encodeURIComponent(job));

  async file(path: string): Promise<{ blob: Blob; fileName: string }> {
    try {
      return await request.file(this.#token, base + path);
    } catch (e) {
      throw this.#judged(e);
    }
  }

  report = (job: string, part: "report" | "rejects") => this.file(`/report/${encodeURIComponent(job)}?part=${part}`);
  template = () => this.file("/template");

  async upload(file: File, options: UploadOptions): Promise<{ job_id: string }> {
    try {
      return await send(this.#token, base + "/process", file, options);
    } catch (e) {
      throw this.#judged(e);
    }
  }
}

interface Frame {
  event: string;
  data: { code?: string; message?: string };
  id?: string;
}

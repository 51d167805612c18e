// gateway/client/typescript_test.go starts the server of these tests, and says in the
// environment where it is and how to steer it.
import { after } from "node:test";

import { WebSocket as PackageWebSocket } from "ws";

import {
  Rollcall, type JobEvent, type RollcallError, type RollcallOptions, type SocketConstructor,
} from "../src/index.js";

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run these tests with go test ./gateway/client`);
  return value;
}

export const url = setting("ROLLCALL_URL");
const control = setting("ROLLCALL_CONTROL");

/** Makes the Go side do something: job, step, fail, retry, replace, cut, token, connections. */
export async function steer(what: string, query: Record<string, string | number> = {}): Promise<string> {
  const search = new URLSearchParams(Object.entries(query).map(([k, v]) => [k, String(v)]));
  const response = await fetch(`${control}/${what}?${search.toString()}`, { method: "POST" });
  const text = await response.text();
  if (!response.ok) throw new Error(`${what}: ${text}`);
  return text;
}

export const token = (user = "alice", seconds = 3600) => steer("token", { user, seconds });

/** The global WebSocket, or that of the package ws where there is none. */
export const webSocket: SocketConstructor = globalThis.WebSocket ?? PackageWebSocket;

export async function client(options: Partial<RollcallOptions> = {}): Promise<Rollcall> {
  // No jitter, and a hundredth of the wait.
  const c = new Rollcall({ url, token: await token(), webSocket, random: () => 0.01, ...options });
  clients.push(c);
  return c;
}

// A failed test closes nothing, and then the process would not end.
const clients: Rollcall[] = [];
after(() => clients.forEach((c) => c.close()));

/** A WebSocket that counts how often it was made. */
export function countSockets(): { made: () => number; webSocket: SocketConstructor } {
  let n = 0;
  class Counted extends (webSocket as new (url: string, protocols: string[]) => WebSocket) {
    constructor(address: string, protocols: string[]) {
      super(address, protocols);
      n++;
    }
  }
  return { made: () => n, webSocket: Counted };
}

/** Waits until a condition holds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 20_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`timeout waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Follows a job to its end. */
export async function follow(
  c: Rollcall, jobId: string, options: { after?: number; stay?: boolean } = {}, seen: (e: JobEvent) => void = () => {},
): Promise<{ events: JobEvent[]; error: RollcallError | undefined }> {
  const events: JobEvent[] = [];
  let error: RollcallError | undefined;
  await new Promise<void>((resolve) => {
    c.watch(jobId, {
      ...options,
      onEvent: (e) => {
        events.push(e);
        seen(e);
      },
      onError: (e) => (error = e),
      onConnection: (s) => s === "closed" && resolve(),
    });
  });
  return { events, error };
}

import assert from "node:assert/strict";
import { test } from "node:test";

import { backoff, type Clock } from "../src/clock.js";
import { fileName } from "../src/rest.js";
import { Rollcall, type ConnectionState, type SocketLike } from "../src/index.js";

/** A clock that the test moves on. */
class ManualClock implements Clock {
  time = 1_000_000_000_000;
  timers = new Map<number, { at: number; run: () => void }>();
  #id = 0;
  now = () => this.time;
  setTimeout = (run: () => void, ms: number) => (this.timers.set(++this.#id, { at: this.time + ms, run }), this.#id);
  clearTimeout = (id: unknown) => void this.timers.delete(id as number);
  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      const due = [...this.timers].filter(([, t]) => t.at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due) break;
      this.timers.delete(due[0]);
      this.time = due[1].at;
      due[1].run();
      await settled();
    }
    this.time = end;
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

class FakeSocket implements SocketLike {
  static all: FakeSocket[] = [];
  onopen: ((e: unknown) => void) | null = null;
  onmessage: ((e: unknown) => void) | null = null;
  onclose: ((e: unknown) => void) | null = null;
  onerror: ((e: unknown) => void) | null = null;
  sent: { event: string; data: { token?: string } }[] = [];
  closed = false;
  constructor(readonly url: string, readonly protocols: string[]) {
    FakeSocket.all.push(this);
  }
  send(text: string) {
    this.sent.push(JSON.parse(text) as { event: string; data: object });
  }
  close() {
    this.closed = true;
  }
  static get last(): FakeSocket {
    const fake = FakeSocket.all.at(-1);
    assert.ok(fake);
    return fake;
  }
}

/** Makes the part of a JWT that the client reads. */
const jwt = (expires: number) => `e30.${btoa(JSON.stringify({ exp: expires / 1000 })).replace(/=/g, "")}.x`;

async function start(token: string | (() => string), clock = new ManualClock()) {
  FakeSocket.all = [];
  const states: ConnectionState[] = [];
  const c = new Rollcall({
    url: "https://rollcall.example", token, webSocket: FakeSocket, clock, random: () => 1,
    fetch: () => Promise.reject(new Error("offline")),
  });
  c.watchUser({ onEvent: () => {}, onConnection: (s) => states.push(s) });
  await settled();
  return { c, clock, states };
}

test("the token is sent as a subprotocol, not in the address", async () => {
  await start("a.b.c");
  assert.equal(FakeSocket.last.url, "wss://rollcall.example/ws");
  assert.deepEqual(FakeSocket.last.protocols, ["rollcall", "bearer.a.b.c"]);
});

test("the wait doubles to a cap, with full jitter", () => {
  const waits = [1, 2, 3, 4, 5, 6, 7, 8, 500].map((n) => backoff(n, () => 1));
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
  assert.equal(backoff(5, () => 0), 0);
  assert.equal(backoff(5, () => 0.5), 2000);
});

test("the client reconnects with backoff, and at once when the gateway restarts", async () => {
  const { c, clock, states } = await start("a.b.c");
  for (const wait of [250, 500, 1000]) {
    const n = FakeSocket.all.length;
    FakeSocket.last.onclose?.({ code: 1006 });
    await settled();
    await clock.advance(wait - 1);
    assert.equal(FakeSocket.all.length, n);
    await clock.advance(1);
    assert.equal(FakeSocket.all.length, n + 1);
  }
  FakeSocket.last.onopen?.({});
  FakeSocket.last.onmessage?.({ data: '{"event":"pong","data":{},"id":1}' });
  const n = FakeSocket.all.length;
  FakeSocket.last.onclose?.({ code: 1012 });
  await clock.advance(0);
  assert.equal(FakeSocket.all.length, n + 1);
  // A success resets the count of failures.
  FakeSocket.last.onclose?.({ code: 1006 });
  await settled();
  await clock.advance(250);
  assert.equal(FakeSocket.all.length, n + 2);
  assert.deepEqual(states.slice(-5), ["open", "waiting", "connecting", "waiting", "connecting"]);
  c.close();
  assert.equal(states.at(-1), "closed");
  assert.ok(FakeSocket.last.closed);
});

test("the wait that a restarting gateway tells is kept", async () => {
  const { c, clock } = await start("a.b.c");
  const restart = async (code: number, reason: string, wait: number) => {
    FakeSocket.last.onopen?.({});
    FakeSocket.last.onmessage?.({ data: '{"event":"pong","data":{},"id":1}' });
    const n = FakeSocket.all.length;
    FakeSocket.last.onclose?.({ code, reason });
    await settled();
    await clock.advance(wait - 1);
    assert.equal(FakeSocket.all.length, n, reason);
    await clock.advance(1);
    assert.equal(FakeSocket.all.length, n + 1, reason);
  };
  await restart(1012, "service restart; retry_ms=7340", 7340);
  await restart(4003, "stream was made anew; retry_ms=1200", 1200);
  await restart(1012, "service restart; retry_ms=999999999", 60_000);
  await restart(1012, "service restart; retry_ms=soon", 0);
  await restart(4002, "too slow, resume", 250);
  c.close();
});

test("a connection that answers no ping is closed", async () => {
  const { c, clock } = await start("a.b.c");
  const first = FakeSocket.last;
  first.onopen?.({});
  first.onmessage?.({ data: '{"event":"pong","data":{},"id":1}' });
  await clock.advance(30_000);
  assert.deepEqual(first.sent.map((f) => f.event), ["ping", "ping"]);
  await clock.advance(10_000);
  assert.ok(first.closed);
  await clock.advance(250);
  assert.equal(FakeSocket.all.length, 2);
  c.close();
});

test("a fresh token is sent before the old one expires", async () => {
  const clock = new ManualClock();
  const { c } = await start(() => jwt(clock.now() + 600_000), clock);
  FakeSocket.last.onopen?.({});
  const answer = () => FakeSocket.last.onmessage?.({ data: '{"event":"pong","data":{}}' });
  for (let t = 0; t < 569_000; t += 1000) {
    answer();
    await clock.advance(1000);
  }
  assert.ok(!FakeSocket.last.sent.some((f) => f.event === "authenticate"));
  answer();
  await clock.advance(1000);
  const sent = FakeSocket.last.sent.filter((f) => f.event === "authenticate");
  assert.equal(sent.length, 1);
  assert.equal(sent[0]?.data.token, jwt(clock.now() + 600_000));
  assert.equal(FakeSocket.all.length, 1);
  c.close();
});

test("both forms of a file name are read", () => {
  assert.equal(fileName('attachment; filename="roll - report.xlsx"'), "roll - report.xlsx");
  assert.equal(fileName("attachment; filename=roll.xlsx"), "roll.xlsx");
  assert.equal(fileName("attachment; filename*=utf-8''r%C3%B4le.xlsx"), "rôle.xlsx");
  assert.equal(fileName(null), "");
});

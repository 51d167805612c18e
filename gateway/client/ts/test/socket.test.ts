import assert from "node:assert/strict";
import { test } from "node:test";

import { backoff, type Clock } from "../src/clock.js";
import { fileName } from "../src/rest.js";
import { Rollcall, type ConnectionState, type SocketLike } from "../src/index.js";

/** A clock that runs when it is told to. */
class Hand implements Clock {
  time = 1_000_000_000_000;
  timers = new Map<number, { at: number; run: () => void }>();
  #id = 0;
  now = () => this.time;
  setTimeout = (run: () => void, ms: number) => (this.timers.set(++this.#id, { at: this.time + ms, run }), this.#id);
  clearTimeout = (id: unknown) => void this.timers.delete(id as number);
  async pass(ms: number): Promise<void> {
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

class Fake implements SocketLike {
  static all: Fake[] = [];
  onopen: ((e: unknown) => void) | null = null;
  onmessage: ((e: unknown) => void) | null = null;
  onclose: ((e: unknown) => void) | null = null;
  onerror: ((e: unknown) => void) | null = null;
  sent: { event: string; data: { token?: string } }[] = [];
  closed = false;
  constructor(readonly url: string, readonly protocols: string[]) {
    Fake.all.push(this);
  }
  send(text: string) {
    this.sent.push(JSON.parse(text) as { event: string; data: object });
  }
  close() {
    this.closed = true;
  }
  static get last(): Fake {
    const fake = Fake.all.at(-1);
    assert.ok(fake);
    return fake;
  }
}

/** A JWT as far as the client reads it. */
const jwt = (ends: number) => `e30.${btoa(JSON.stringify({ exp: ends / 1000 })).replace(/=/g, "")}.x`;

async function begun(token: string | (() => string), clock = new Hand()) {
  Fake.all = [];
  const states: ConnectionState[] = [];
  const c = new Rollcall({ url: "https://rollcall.example", token, webSocket: Fake, clock, random: () => 1, fetch: () => Promise.reject(new Error("offline")) });
  c.watchUser({ onEvent: () => {}, onConnection: (s) => states.push(s) });
  await settled();
  return { c, clock, states };
}

test("the token goes by subprotocol, not in the address", async () => {
  await begun("a.b.c");
  assert.equal(Fake.last.url, "wss://rollcall.example/ws");
  assert.deepEqual(Fake.last.protocols, ["rollcall", "bearer.a.b.c"]);
});

test("the wait doubles to a cap, with full jitter", () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 7, 8, 500].map((n) => backoff(n, () => 1)), [250, 500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
  assert.equal(backoff(5, () => 0), 0);
  assert.equal(backoff(5, () => 0.5), 2000);
});

test("it connects again with backoff, and at once when the gateway restarts", async () => {
  const { c, clock, states } = await begun("a.b.c");
  for (const wait of [250, 500, 1000]) {
    const n = Fake.all.length;
    Fake.last.onclose?.({ code: 1006 });
    await settled();
    await clock.pass(wait - 1);
    assert.equal(Fake.all.length, n);
    await clock.pass(1);
    assert.equal(Fake.all.length, n + 1);
  }
  Fake.last.onopen?.({});
  Fake.last.onmessage?.({ data: '{"event":"pong","data":{},"id":1}' });
  const n = Fake.all.length;
  Fake.last.onclose?.({ code: 1012 });
  await clock.pass(0);
  assert.equal(Fake.all.length, n + 1);
  // A success begins the count anew.
  Fake.last.onclose?.({ code: 1006 });
  await settled();
  await clock.pass(250);
  assert.equal(Fake.all.length, n + 2);
  assert.deepEqual(states.slice(-5), ["open", "waiting", "connecting", "waiting", "connecting"]);
  c.close();
  assert.equal(states.at(-1), "closed");
  assert.ok(Fake.last.closed);
});

test("a connection that answers no ping is given up", async () => {
  const { c, clock } = await begun("a.b.c");
  const first = Fake.last;
  first.onopen?.({});
  first.onmessage?.({ data: '{"event":"pong","data":{},"id":1}' });
  await clock.pass(30_000);
  assert.deepEqual(first.sent.map((f) => f.event), ["ping", "ping"]);
  await clock.pass(10_000);
  assert.ok(first.closed);
  await clock.pass(250);
  assert.equal(Fake.all.length, 2);
  c.close();
});

test("a fresh token is sent before the old one ends", async () => {
  const clock = new Hand();
  const { c } = await begun(() => jwt(clock.now() + 600_000), clock);
  Fake.last.onopen?.({});
  const answer = () => Fake.last.onmessage?.({ data: '{"event":"pong","data":{}}' });
  for (let t = 0; t < 569_000; t += 1000) {
    answer();
    await clock.pass(1000);
  }
  assert.ok(!Fake.last.sent.some((f) => f.event === "authenticate"));
  answer();
  await clock.pass(1000);
  const sent = Fake.last.sent.filter((f) => f.event === "authenticate");
  assert.equal(sent.length, 1);
  assert.equal(sent[0]?.data.token, jwt(clock.now() + 600_000));
  assert.equal(Fake.all.length, 1);
  c.close();
});

test("a file name is read in both its forms", () => {
  assert.equal(fileName('attachment; filename="roll - report.xlsx"'), "roll - report.xlsx");
  assert.equal(fileName("attachment; filename=roll.xlsx"), "roll.xlsx");
  assert.equal(fileName("attachment; filename*=utf-8''r%C3%B4le.xlsx"), "rôle.xlsx");
  assert.equal(fileName(null), "");
});

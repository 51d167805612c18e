import assert from "node:assert/strict";
import { test } from "node:test";

import { Rollcall, RollcallError, type JobEvent } from "../src/index.js";
import { client, countSockets, follow, steer, token, until, url, webSocket } from "./rig.js";

const course = [...Array<string>(4).fill("bulk_upload_progress"), "bulk_upload_complete"];
const names = (events: JobEvent[]) => events.map((e) => e.event);

function ascending(events: JobEvent[]): void {
  const seqs = events.flatMap((e) => e.seq ?? []);
  assert.deepEqual(seqs, [...new Set(seqs)].sort((a, b) => a - b));
}

test("a watch yields each fact once and in order, and ends with the job", async () => {
  const c = await client();
  const job = await steer("job");
  const { events, error } = await follow(c, job, {}, () => void steer("step", { job }));
  assert.equal(error, undefined);
  assert.deepEqual(names(events), course);
  ascending(events);
  const last = events.at(-1);
  assert.ok(last?.event === "bulk_upload_complete" && last.data.job_id === job);
  assert.equal(typeof last.data.validation_stats.total_records, "number");

  // From the middle of a job that has ended, and from its end.
  const after = events[2]?.seq ?? 0;
  const history = events.slice(3).map((e) => ({ ...e, replayed: true }));
  assert.deepEqual((await follow(c, job, { after })).events, history);
  assert.deepEqual((await follow(c, job, { after: last.seq })).events, []);
  c.close();
});

for (const [how, what] of [["the connection is cut", "cut"], ["the gateway is replaced", "replace"]] as const) {
  test(`a watch goes on when ${how}`, async () => {
    const sockets = countSockets();
    const c = await client({ webSocket: sockets.webSocket });
    const job = await steer("job");
    const { events, error } = await follow(c, job, {}, () => void steer(what).then(() => steer("step", { job })));
    assert.equal(error, undefined);
    assert.deepEqual(names(events), course);
    ascending(events);
    assert.ok(sockets.made() >= 3, `${sockets.made()} connections`);
    c.close();
  });
}

test("a fresh token extends the connection", async () => {
  const sockets = countSockets();
  let asked = 0;
  const c = await client({ webSocket: sockets.webSocket, token: () => (asked++, token("alice", 4)) });
  const job = await steer("job");
  const following = follow(c, job);
  await until("a third token", () => asked >= 3);
  for (let i = 0; i < 4; i++) await steer("step", { job });
  assert.deepEqual(names((await following).events), course);
  assert.equal(sockets.made(), 1);
  c.close();
});

test("a connection whose token expired comes back with a fresh one", async () => {
  const sockets = countSockets();
  // With a clock that stands still the client does not renew its token in time.
  const at = Date.now();
  const clock = {
    now: () => at,
    setTimeout: (run: () => void, ms: number) => setTimeout(run, ms === 0 ? 0 : ms * 10),
    clearTimeout: (t: unknown) => clearTimeout(t as NodeJS.Timeout),
  };
  const c = await client({ webSocket: sockets.webSocket, clock, token: () => token("alice", 2) });
  const job = await steer("job");
  const following = follow(c, job);
  await until("a second connection", () => sockets.made() >= 2);
  for (let i = 0; i < 4; i++) await steer("step", { job });
  assert.deepEqual(names((await following).events), course);
  c.close();
});

test("the watch ends when its only token expires", async () => {
  const c = await client({ token: await token("alice", 2) });
  const { error } = await follow(c, await steer("job"));
  assert.equal(error?.code, "unauthenticated");
  c.close();
});

test("an error that another attempt would not mend ends the watch", async () => {
  const job = await steer("job");
  const signedOut = new RollcallError("unauthenticated", "Signed out.");
  const cases: [string, Rollcall, string][] = [
    ["not_found", await client(), "job-01890000-0000-7000-8000-000000000000"],
    ["not_found", await client({ token: await token("bob") }), job],
    ["unauthenticated", await client({ token: "x.y.z" }), job],
    ["unauthenticated", await client({ token: () => "x.y.z" }), job],
    ["unauthenticated", await client({ token: "no token, having spaces" }), job],
    ["unauthenticated", await client({ token: () => Promise.reject(signedOut) }), job],
  ];
  for (const [code, c, id] of cases) {
    const { events, error } = await follow(c, id);
    assert.equal(error?.code, code);
    assert.deepEqual(events, []);
    c.close();
  }
});

test("a token source that fails is asked again", async () => {
  let asked = 0;
  const c = await client({ token: () => (++asked < 3 ? Promise.reject(new Error("no answer")) : token()) });
  const job = await steer("job");
  assert.deepEqual(names((await follow(c, job, {}, () => void steer("step", { job }))).events), course);
  c.close();
});

test("a sequence of another stream is forgotten, and the listener gets a reset", async () => {
  const c = await client();
  const job = await steer("job");
  for (let i = 0; i < 4; i++) await steer("step", { job });
  const { events } = await follow(c, job, { after: 1e9 });
  assert.deepEqual(names(events), ["reset", ...course]);
  assert.deepEqual(events[0]?.data, { job_id: job });
  c.close();
});

test("a watch that stays waits for the retry, another ends with the failure", async () => {
  const c = await client();
  const job = await steer("job");
  let failures = 0;
  const staying = follow(c, job, { stay: true }, (e) => {
    if (e.event === "bulk_upload_failed" && ++failures === 1) {
      void steer("retry", { job }).then(() => steer("fail", { job, retryable: "false" }));
    }
  });
  const ending = follow(c, job);
  await steer("fail", { job, retryable: "true" });
  const failure = ["bulk_upload_progress", "bulk_upload_failed"];
  assert.deepEqual(names((await ending).events), failure);
  assert.deepEqual(names((await staying).events), [...failure, ...failure]);
  c.close();
});

test("watches of a user and of jobs share a connection, and each gets each fact once", async () => {
  const sockets = countSockets();
  const c = await client({ webSocket: sockets.webSocket });
  const received: JobEvent[] = [];
  let open = false;
  c.watchUser({ onEvent: (e) => received.push(e), onConnection: (s) => (open = s === "open") });
  await until("the user's watch", () => open);
  const [one, two] = [await steer("job"), await steer("job")];
  const following = [follow(c, one), follow(c, one), follow(c, two)];
  await until("both jobs", () => received.length >= 2);
  for (let i = 0; i < 4; i++) {
    await steer("step", { job: one });
    await steer("step", { job: two });
  }
  for (const f of following) {
    const { events } = await f;
    assert.deepEqual(names(events), course);
    ascending(events);
  }
  for (const job of [one, two]) {
    const own = received.filter((e) => e.data.job_id === job);
    assert.deepEqual(names(own), course);
    ascending(own);
  }
  assert.equal(sockets.made(), 1);
  c.close();
});

test("the connection is closed with the last watch, and opened for the next", async () => {
  const c = await client({ token: await token("carol") });
  const watch = () => new Promise<() => void>((resolve) => {
    const w = c.watchUser({ onEvent: () => {}, onConnection: (s) => s === "open" && resolve(() => w.close()) });
  });
  for (let i = 0; i < 2; i++) {
    const close = await watch();
    await until("one connection", async () => (await steer("connections")) === "1");
    close();
    await until("no connection", async () => (await steer("connections")) === "0");
  }
  c.close();
  assert.throws(() => c.watchUser({ onEvent: () => {} }), { code: "closed" });
});

test("an error of a listener does not end the watch", async () => {
  const c = await client();
  const job = await steer("job");
  const thrown: unknown[] = [];
  const catcher = (e: unknown) => thrown.push(e);
  // node:test listens too, and would fail the test.
  const others = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException").on("uncaughtException", catcher);
  try {
    const { events } = await follow(c, job, {}, () => {
      void steer("step", { job });
      throw new Error("thrown by a listener");
    });
    assert.deepEqual(names(events), course);
    await until("five errors", () => thrown.length === 5);
  } finally {
    process.removeAllListeners("uncaughtException");
    others.forEach((l) => process.on("uncaughtException", l));
  }
  c.close();
});

test("an address that cannot work is refused", () => {
  assert.throws(() => new Rollcall({ url: "ftp://x", token: "t" }), TypeError);
  assert.ok(new Rollcall({ url: url + "/", token: "t", webSocket }));
});

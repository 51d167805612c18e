// services/cmd/rollcall runs this against the whole program.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { WebSocket } from "ws";

import { Rollcall } from "../../src/index.js";

const { ROLLCALL_URL: url = "", ROLLCALL_TOKEN: token = "", ROLLCALL_FILE: file = "" } = process.env;
const client = (t = token) => new Rollcall({ url, token: t, webSocket: globalThis.WebSocket ?? WebSocket });

test("a roll is uploaded, followed, and its report downloaded", async () => {
  const c = client();
  const sent: [number, number][] = [];
  const book = new Blob([await readFile(file)]);
  const onProgress = (n: number, of: number) => sent.push([n, of]);
  const accepted = await c.upload(book, { fileName: "röll.xlsx", dryRun: true, onProgress });
  assert.deepEqual(accepted.options, { dry_run: true });
  assert.equal(accepted.file_name, "röll.xlsx");
  assert.deepEqual(sent, [[book.size, book.size]]);
  const names: string[] = [];
  await new Promise<void>((resolve, reject) => {
    c.watch(accepted.job_id, {
      onEvent: (e) => e.seq && names.push(e.event),
      onError: reject,
      onConnection: (s) => s === "closed" && resolve(),
    });
  });
  assert.equal(names.at(-1), "bulk_upload_complete");
  const job = await c.status(accepted.job_id);
  assert.equal(job.status, "completed");
  assert.equal(job.database_stats?.dry_run, true);
  const report = await c.report(job.job_id);
  assert.equal(report.fileName, "röll - report.xlsx");
  assert.equal((await report.blob.slice(0, 2).text()), "PK");
  assert.ok((await c.report(job.job_id, "rejects")).blob.size > 0);
  const page = await c.rows(job.job_id, { limit: 3 });
  assert.equal(page.rows.length, 3);
  assert.equal(page.complete, true);
  const all: number[] = [];
  for await (const row of c.allRows(job.job_id, { limit: 10 })) all.push(row.row);
  assert.equal(all.length, page.total);
  assert.deepEqual(all, [...new Set(all)].sort((a, b) => a - b));
  const invalid = await c.rows(job.job_id, { statuses: ["invalid"], limit: 1000 });
  assert.equal(invalid.rows.length, page.counts.invalid ?? 0);
  const text = await (await c.rowsCSV(job.job_id)).blob.text();
  assert.equal(text.split("\r\n").length, page.total + 2);
  const sheet = await c.sheet(job.job_id, "summary");
  assert.equal(sheet.fileName, "röll - summary.csv");
  const history = await c.history({ status: "completed", pageSize: 5, search: job.job_id, from: "2020-01-01" });
  assert.equal(history.jobs[0]?.job_id, job.job_id);
  assert.equal((await c.stats()).by_status.completed, 1);
  assert.ok((await c.rateLimit()).max_limit > 0);
  assert.equal((await c.canUpload()).can_upload, true);
  assert.ok((await c.template()).blob.size > 0);
  await assert.rejects(c.cancel(job.job_id), { code: "not_allowed", status: 409 });
  await assert.rejects(c.retry(job.job_id), { code: "not_allowed" });
  await assert.rejects(c.undo(job.job_id), { code: "not_allowed" }); // a dry run has written nothing
  c.close();
});

test("a resumed upload sends nothing twice but what was on its way", async () => {
  const data = await readFile(file);
  // Larger than a part, and still a roll: a .csv may be long.
  const text = "ID Number,Name\n8001015009087,A\n" +
    "1,an invalid number of a long, long list of rows that have no good one\n".repeat(20_000);
  const roll = new File([text], "roll.csv", { lastModified: 7 });
  const kept = new Map<string, string>();
  const memory = {
    getItem: (k: string) => kept.get(k) ?? null,
    setItem: (k: string, v: string) => void kept.set(k, v),
    removeItem: (k: string) => void kept.delete(k),
  };
  let parts = 0, bytes = 0, dead = false;
  const weak: typeof fetch = async (input, init) => {
    if (dead) throw new TypeError("no connection");
    const response = await fetch(input, init);
    if (init?.method === "PATCH") {
      bytes += (init.body as Blob).size;
      if (++parts === 1) throw new TypeError("the answer was lost");
      if (parts === 2) {
        dead = true;
        throw new TypeError("the connection broke");
      }
    }
    return response;
  };
  const waits: number[] = [];
  const arrived: number[] = [];
  const stop = new AbortController();
  const flaky = new Rollcall({ url, token, fetch: weak });
  const onWaiting = (ms: number) => {
    waits.push(ms);
    if (dead) stop.abort();
  };
  await assert.rejects(flaky.uploadResumed(roll, { memory, signal: stop.signal, onWaiting }), { code: "aborted" });
  assert.equal(kept.size, 1); // now the page is left, and the same file chosen again
  dead = false;
  const onProgress = (n: number, of: number) => {
    arrived.push(n);
    assert.equal(of, text.length);
  };
  const job = await flaky.uploadResumed(roll, { memory, onProgress });
  assert.equal(kept.size, 0);
  assert.equal(bytes, text.length, "something was sent twice");
  assert.equal(arrived[0], 2 * 512 * 1024);
  assert.equal(arrived.at(-1), text.length);
  assert.ok(waits.length >= 2);
  assert.equal((await flaky.status(job)).file_name, "roll.csv");
  await assert.rejects(client().uploadResumed(new Blob(["<html>no workbook"]), { memory }), { status: 415 });
  await assert.rejects(client("x.y.z").uploadResumed(new Blob([data])), { code: "unauthenticated" });
  const direct = await client().uploadResumed(new Blob([data]), { fileName: "röll.xlsx", dryRun: true });
  const status = await client().status(direct);
  assert.equal(status.file_name, "röll.xlsx");
  assert.deepEqual(status.options, { dry_run: true });
});

test("refusals have the server's codes", async () => {
  const unknown = client().status("job-01890000-0000-7000-8000-000000000000");
  await assert.rejects(unknown, { name: "RollcallError", code: "not_found", status: 404 });
  await assert.rejects(client().upload(new Blob(["<html>no workbook"])), { status: 415 });
  await assert.rejects(client("x.y.z").stats(), { code: "unauthenticated", status: 401 });
  const aborted = AbortSignal.abort();
  await assert.rejects(client().upload(new Blob(["x"]), { signal: aborted }), { code: "aborted" });
  await assert.rejects(new Rollcall({ url: "http://127.0.0.1:1", token }).stats(), { code: "network" });
});

test("a request is repeated once with a fresh token", async () => {
  let asked = 0;
  const c = new Rollcall({ url, token: () => (++asked === 1 ? "x.y.z" : token) });
  await c.stats();
  assert.equal(asked, 2);
});

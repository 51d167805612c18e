// Run by services/cmd/rollcall, against the whole program.
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
  const accepted = await c.upload(book, { fileName: "röll.xlsx", dryRun: true, onProgress: (n, of) => sent.push([n, of]) });
  assert.deepEqual(accepted.options, { dry_run: true });
  assert.equal(accepted.file_name, "röll.xlsx");
  assert.deepEqual(sent, [[book.size, book.size]]);
  const names: string[] = [];
  await new Promise<void>((resolve, reject) => {
    c.watch(accepted.job_id, { onEvent: (e) => e.seq && names.push(e.event), onError: reject, onConnection: (s) => s === "closed" && resolve() });
  });
  assert.equal(names.at(-1), "bulk_upload_complete");
  const job = await c.status(accepted.job_id);
  assert.equal(job.status, "completed");
  assert.equal(job.database_stats?.dry_run, true);
  const report = await c.report(job.job_id);
  assert.equal(report.fileName, "röll - report.xlsx");
  assert.equal((await report.blob.slice(0, 2).text()), "PK");
  assert.ok((await c.report(job.job_id, "rejects")).blob.size > 0);
  const history = await c.history({ status: "completed", pageSize: 5 });
  assert.equal(history.jobs[0]?.job_id, job.job_id);
  assert.equal((await c.stats()).by_status.completed, 1);
  assert.ok((await c.rateLimit()).max_limit > 0);
  assert.ok((await c.template()).blob.size > 0);
  await assert.rejects(c.cancel(job.job_id), { code: "not_allowed", status: 409 });
  await assert.rejects(c.retry(job.job_id), { code: "not_allowed" });
  await assert.rejects(c.undo(job.job_id), { code: "not_allowed" }); // a dry run has written nothing
  c.close();
});

test("refusals have the server's codes", async () => {
  await assert.rejects(client().status("job-01890000-0000-7000-8000-000000000000"), { name: "RollcallError", code: "not_found", status: 404 });
  await assert.rejects(client().upload(new Blob(["<html>no workbook"])), { status: 415 });
  await assert.rejects(client("x.y.z").stats(), { code: "unauthenticated", status: 401 });
  const aborted = AbortSignal.abort();
  await assert.rejects(client().upload(new Blob(["x"]), { signal: aborted }), { code: "aborted" });
  await assert.rejects(new Rollcall({ url: "http://127.0.0.1:1", token }).stats(), { code: "network" });
});

test("a token that is refused is asked for once more", async () => {
  let asked = 0;
  const c = new Rollcall({ url, token: () => (++asked === 1 ? "x.y.z" : token) });
  await c.stats();
  assert.equal(asked, 2);
});

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { JSDOM } from "jsdom";
import { act, StrictMode } from "react";
import type { Root } from "react-dom/client";

import type { Rollcall } from "../src/index.js";
import { useBulkUpload, type BulkUpload } from "../src/react.js";
import { client, countSockets, steer, token, until } from "./rig.js";

const dom = new JSDOM("<div id=root></div>");
Object.assign(globalThis, { window: dom.window, document: dom.window.document, IS_REACT_ACT_ENVIRONMENT: true });
if (!globalThis.navigator) Object.assign(globalThis, { navigator: dom.window.navigator }); // Node before 21
const { createRoot } = await import("react-dom/client"); // needs the window when it is loaded

let latest: BulkUpload | undefined;
let root: Root | undefined;

function Probe({ c, job }: { c: Rollcall; job: string | null }) {
  latest = useBulkUpload(c, job);
  return <p>{latest.status ?? "nothing"}</p>;
}

async function render(c: Rollcall, job: string | null): Promise<void> {
  root ??= createRoot(dom.window.document.getElementById("root")!);
  await act(() => Promise.resolve(root!.render(<StrictMode><Probe c={c} job={job} /></StrictMode>)));
}

const eventually = (what: string, holds: (u: BulkUpload) => boolean) =>
  until(what, async () => {
    await act(() => new Promise((resolve) => setTimeout(resolve, 5)));
    return latest !== undefined && holds(latest);
  });

afterEach(() => {
  act(() => root?.unmount());
  root = latest = undefined;
});

test("the hook follows a job to its end", async () => {
  const sockets = countSockets();
  const c = await client({ webSocket: sockets.webSocket });
  const job = await steer("job");
  await render(c, job);
  await eventually("the upload", (u) => u.status === "pending" && u.connection === "open");
  await steer("step", { job });
  await eventually("the rows", (u) => u.stage === "pre_validation" && u.progress === 40);
  for (let i = 0; i < 3; i++) await steer("step", { job });
  await eventually("the end", (u) => u.status === "completed");
  assert.equal(latest?.progress, 100);
  assert.equal(latest?.result?.job_id, job);
  const course = [...Array<string>(4).fill("bulk_upload_progress"), "bulk_upload_complete"];
  assert.deepEqual(latest?.events.map((e) => e.event), course);
  assert.equal(dom.window.document.body.textContent, "completed");
  assert.equal(sockets.made(), 1); // though StrictMode mounts twice
  c.close();
});

test("the hook follows another job when the id changes", async () => {
  const c = await client();
  const [one, two] = [await steer("job"), await steer("job")];
  await steer("fail", { job: one, retryable: "true" });
  await render(c, null);
  assert.equal(latest?.status, undefined);
  await assert.rejects(latest!.cancel(), TypeError);
  await render(c, one);
  await eventually("the failure", (u) => u.status === "failed" && u.error?.retryable === true);
  await render(c, two);
  await eventually("the other", (u) => u.status === "pending" && u.error === undefined);
  assert.deepEqual(latest?.events.map((e) => e.data.job_id), [two]);
  await render(c, "job-01890000-0000-7000-8000-000000000000");
  await eventually("the error", (u) => u.error?.code === "not_found" && u.connection === "closed");
  c.close();
});

test("the hook closes its connection", async () => {
  const c = await client({ token: await token("dora") });
  await render(c, await steer("job", { user: "dora" }));
  await eventually("the job", (u) => u.connection === "open");
  assert.equal(await steer("connections"), "1");
  act(() => root?.unmount());
  root = undefined;
  await until("no connection", async () => (await steer("connections")) === "0");
});

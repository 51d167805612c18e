// Uploads a spreadsheet, follows the job, and saves the report:
//   ROLLCALL_TOKEN=... node examples/node-watch.mjs roll.xlsx [http://127.0.0.1:8080]
// Node before 22 needs the package ws.
import { readFile, writeFile } from "node:fs/promises";
import { basename } from "node:path";

import { Rollcall } from "@rollcall/client";

const [file, url = "http://127.0.0.1:8080"] = process.argv.slice(2);
if (!file) throw new Error("usage: node-watch.mjs SPREADSHEET [URL]");
const webSocket = globalThis.WebSocket ?? (await import("ws")).WebSocket;
const client = new Rollcall({ url, token: process.env.ROLLCALL_TOKEN ?? "", webSocket });

const { job_id } = await client.upload(new Blob([await readFile(file)]), { fileName: basename(file) });
let complete = false;
await new Promise((resolve, reject) => {
  client.watch(job_id, {
    onEvent(e) {
      if (e.event === "bulk_upload_complete") complete = true;
      else if (e.event === "bulk_upload_failed") console.error(e.data.error);
      else if (e.event !== "reset") console.log(`${e.data.progress} %  ${e.data.message}`);
    },
    onError: reject,
    onConnection: (state) => state === "closed" && resolve(),
  });
});
if (complete) {
  const { blob, fileName } = await client.report(job_id);
  await writeFile(fileName, Buffer.from(await blob.arrayBuffer()));
  console.log(`saved ${fileName}`);
}
client.close();
process.exitCode = complete ? 0 : 1;

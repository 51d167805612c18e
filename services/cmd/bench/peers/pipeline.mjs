// A pipeline as many write it: an upload goes into a queue in Redis (BullMQ), a worker
// reads it with exceljs, judges each row, asks the IEC about those it has no answer of,
// upserts the members into PostgreSQL in one transaction, and writes a report with exceljs.
// Reading and writing are streams, lookups and upserts go by the thousand.
//
//   PGHOST=... REDIS_PORT=... IEC_URL=... DIR=... node pipeline.mjs HOST PORT
import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Queue, Worker } from "bullmq";
import ExcelJS from "exceljs";
import { Redis } from "ioredis";
import pg from "pg";

const [host, port] = process.argv.slice(2);
const { REDIS_PORT, IEC_URL, DIR } = process.env;
const batch = 1000;
const concurrency = 64; // of calls to the IEC

const connection = { host: "127.0.0.1", port: Number(REDIS_PORT), maxRetriesPerRequest: null };
const redis = new Redis(connection);
const pool = new pg.Pool({ max: 4 }); // PGHOST and the like say where
const queue = new Queue("rolls", { connection });

const columns = ["id_number", "firstname", "surname", "cell_number", "email", "residential_address", "gender", "race",
  "citizenship", "language", "occupation", "province", "municipality", "ward_code", "date_joined", "status"];

await pool.query(`CREATE TABLE IF NOT EXISTS members (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ${columns.map((c) => `${c} text`).join(", ")},
  iec_status text NOT NULL, iec_ward text, updated_at timestamptz NOT NULL DEFAULT now(), UNIQUE (id_number))`);

// isID says whether a text is an ID number of 13 digits: its date and its check digit.
function isID(text) {
  if (!/^\d{13}$/.test(text)) return false;
  const month = Number(text.slice(2, 4));
  const day = Number(text.slice(4, 6));
  if (month < 1 || month > 12 || day < 1 || day > 31) return false;
  let sum = 0;
  for (let i = 0; i < 13; i++) {
    let digit = Number(text[12 - i]);
    if (i % 2 === 1) digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
    sum += digit;
  }
  return sum % 10 === 0;
}

async function readRows(path) {
  const valid = [];
  const invalid = [];
  const seen = new Set();
  const book = new ExcelJS.stream.xlsx.WorkbookReader(path, { sharedStrings: "cache", worksheets: "emit" });
  for await (const sheet of book) {
    for await (const row of sheet) {
      if (row.number === 1) continue;
      const cells = columns.map((_, i) => String(row.getCell(i + 1).value ?? "").trim());
      if (isID(cells[0]) && !seen.has(cells[0])) {
        seen.add(cells[0]);
        valid.push(cells);
      } else {
        invalid.push(cells);
      }
    }
  }
  return { valid, invalid };
}

let token = "";

async function signIn() {
  const answer = await fetch(`${IEC_URL}/token`, { method: "POST",
    body: new URLSearchParams({ grant_type: "password", username: "", password: "" }) });
  token = (await answer.json()).access_token;
}

async function ask(id) {
  const answer = await fetch(`${IEC_URL}/api/Voters/IDNumber/${id}`, { headers: { Authorization: `Bearer ${token}` } });
  if (!answer.ok) throw new Error(`the IEC answered ${answer.status}`);
  const voter = await answer.json();
  return { status: voter.bRegistered ? "registered" : "not_registered",
    ward: voter.VotingStation?.Delimitation?.WardID ? String(voter.VotingStation.Delimitation.WardID) : null };
}

// verify returns the IEC's answer of each row, from the cache where it is there.
async function verify(rows, tell) {
  const answers = [];
  for (let at = 0; at < rows.length; at += batch) {
    const part = rows.slice(at, at + batch);
    const cached = await redis.mget(part.map((cells) => `iec:${cells[0]}`));
    const missing = [];
    cached.forEach((text, i) => { if (text) answers[at + i] = JSON.parse(text); else missing.push(at + i); });
    if (missing.length > 0 && !token) await signIn();
    const next = missing.values();
    await Promise.all(Array.from({ length: concurrency }, async () => {
      for (const i of next) {
        answers[i] = await ask(rows[i][0]);
        await redis.set(`iec:${rows[i][0]}`, JSON.stringify(answers[i]), "EX", 72 * 3600);
      }
    }));
    await tell(at + part.length);
  }
  return answers;
}

async function upsert(rows, answers) {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const names = [...columns, "iec_status", "iec_ward"];
    for (let at = 0; at < rows.length; at += batch) {
      const part = rows.slice(at, at + batch);
      const lists = columns.map((_, c) => part.map((cells) => cells[c]));
      lists.push(part.map((_, i) => answers[at + i].status), part.map((_, i) => answers[at + i].ward));
      await client.query(`INSERT INTO members (${names.join(", ")})
        SELECT * FROM unnest(${names.map((_, i) => `$${i + 1}::text[]`).join(", ")})
        ON CONFLICT (id_number) DO UPDATE SET ${names.slice(1).map((n) => `${n} = EXCLUDED.${n}`).join(", ")}, updated_at = now()`,
      lists);
    }
    await client.query("COMMIT");
  } catch (err) {
    await client.query("ROLLBACK");
    throw err;
  } finally {
    client.release();
  }
}

async function writeReport(path, valid, invalid, answers) {
  const book = new ExcelJS.stream.xlsx.WorkbookWriter({ filename: path });
  const summary = book.addWorksheet("Summary");
  summary.addRow(["Rows", valid.length + invalid.length]).commit();
  summary.addRow(["Valid", valid.length]).commit();
  summary.addRow(["Invalid", invalid.length]).commit();
  const sheet = book.addWorksheet("Members");
  sheet.addRow([...columns, "IEC", "Ward"]).commit();
  valid.forEach((cells, i) => sheet.addRow([...cells, answers[i].status, answers[i].ward]).commit());
  const rejects = book.addWorksheet("Invalid");
  rejects.addRow(columns).commit();
  invalid.forEach((cells) => rejects.addRow(cells).commit());
  await book.commit();
}

const worker = new Worker("rolls", async (job) => {
  const { path, write } = job.data;
  const tell = (stage) => (processed, total) => job.updateProgress({ stage, processed, total });
  const { valid, invalid } = await readRows(path);
  await tell("validated")(valid.length, valid.length + invalid.length);
  const answers = await verify(valid, (n) => tell("verification")(n, valid.length));
  if (!write) return { valid: valid.length, invalid: invalid.length };
  await upsert(valid, answers);
  await tell("persisted")(valid.length, valid.length);
  await writeReport(`${path}.report.xlsx`, valid, invalid, answers);
  return { valid: valid.length, invalid: invalid.length };
}, { connection, concurrency: 2 });
worker.on("error", (err) => console.error(err.message));

createServer(async (req, res) => {
  const url = new URL(req.url, "http://localhost");
  const answer = (status, body) => res.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
  try {
    if (req.method === "POST" && url.pathname === "/upload") {
      const id = randomUUID();
      const path = join(DIR, `${id}.xlsx`);
      await pipeline(req, createWriteStream(path, { flush: true }));
      await queue.add("roll", { path, write: !url.searchParams.has("dry_run") }, { jobId: id });
      answer(202, { id });
    } else if (req.method === "GET" && url.pathname.startsWith("/status/")) {
      const job = await queue.getJob(url.pathname.slice("/status/".length));
      answer(200, { state: await job.getState(), progress: job.progress, result: job.returnvalue, error: job.failedReason });
    } else {
      answer(404, {});
    }
  } catch (err) {
    answer(500, { error: err.message });
  }
}).listen(Number(port), host, () => console.log("listening"));

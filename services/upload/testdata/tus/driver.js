// Uploads the file of the first argument in several uploads at once, and prints the job.
const { readFileSync } = require("node:fs");
const tus = require("tus-js-client");

const upload = new tus.Upload(readFileSync(process.argv[2]), {
  endpoint: process.env.ENDPOINT,
  headers: { Authorization: process.env.AUTHORIZATION },
  parallelUploads: 3,
  chunkSize: Number(process.env.CHUNK),
  metadata: { filename: "in parts.csv", dry_run: "true" },
  retryDelays: [0, 100, 300],
  onError(error) {
    console.error(String(error));
    process.exitCode = 1;
  },
  onSuccess({ lastResponse }) {
    console.log(lastResponse.getHeader("Upload-Job"));
  },
});
upload.start();

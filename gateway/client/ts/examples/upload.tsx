// Follows one job. The client must live as long as the page.
import type { Rollcall } from "@rollcall/client";
import { useBulkUpload } from "@rollcall/client/react";

export function Upload({ client, jobId }: { client: Rollcall; jobId: string }) {
  const { status, stage, progress, message, rows, eta, error, result, connection, cancel, retry } =
    useBulkUpload(client, jobId);
  const running = status === "pending" || status === "processing" || status === "paused";
  return (
    <section aria-busy={status === "processing"}>
      <progress max={100} value={progress} aria-label={stage ?? "Waiting"} />
      <p role="status">
        {message} {rows.total > 0 && `${rows.processed} of ${rows.total} rows`}{" "}
        {eta && `until ${eta.toLocaleTimeString()}`}
      </p>
      {connection === "waiting" && <p>No connection. Trying again.</p>}
      {error && <p role="alert">{error.message}</p>}
      {result && <p>{result.database_stats.inserts} new members, {result.database_stats.updates} changed.</p>}
      {error?.retryable && <button onClick={() => void retry()}>Try again</button>}
      {running && <button onClick={() => void cancel()}>Cancel</button>}
    </section>
  );
}

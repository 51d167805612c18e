import { useCallback, useMemo, useSyncExternalStore } from "react";

import type { Job } from "./rest.js";
import type { Rollcall } from "./rollcall.js";
import { JobStore, unknown, type JobState } from "./store.js";

export type { JobState } from "./store.js";

export interface BulkUpload extends JobState {
  /** Rejects with a RollcallError; its code is not_allowed if the job's state does not permit it. */
  cancel(): Promise<Job>;
  retry(): Promise<Job>;
}

const serverState = () => unknown;

/**
 * Follows a job from its beginning while the component is mounted. Without a job id it
 * follows nothing. The client must be the same one in each render.
 */
export function useBulkUpload(client: Rollcall, jobId: string | null | undefined): BulkUpload {
  const id = jobId ?? undefined;
  const store = useMemo(() => new JobStore(client, id), [client, id]);
  const state = useSyncExternalStore(store.subscribe, store.get, serverState);
  const cancel = useCallback(async () => client.cancel(required(id)), [client, id]);
  const retry = useCallback(async () => client.retry(required(id)), [client, id]);
  return { ...state, cancel, retry };
}

function required(id: string | undefined): string {
  if (id === undefined) throw new TypeError("useBulkUpload: there is no job id yet");
  return id;
}

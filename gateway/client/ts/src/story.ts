import type { RowHistory } from "./rest.js";

/** What one row of a job has said of a person, and who let it. */
export interface Chapter {
  job_id: string;
  file_name: string;
  uploaded_by: string;
  uploaded_at: string;
  approved_by?: string;
  approved_at?: string;
  row?: RowHistory;
  /** What the row held is kept no longer. */
  removed?: boolean;
}

/** Everything that the jobs which the user may read have said of a person. */
export interface Story {
  /** The ID number with its middle hidden. */
  id: string;
  as_of: string;
  /** The newest first, 50 at most. */
  chapters: Chapter[];
}

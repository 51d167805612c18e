/** Which people an upload may write: upsert adds and changes, create only adds, update only changes. */
export type Mode = "upsert" | "create" | "update";

/** What is to be done with the rows of a file. */
export interface RowOptions {
  /** Check everything, but write nothing to the database. */
  dryRun?: boolean;
  /** false asks the IEC about nobody: every row stays unverified. Default: true. */
  iecVerification?: boolean;
  /** What the columns are: from the text of a header, or the letter of a column, to a field, or null to leave it out. */
  mapping?: Record<string, string | null>;
  /** Default: upsert. */
  mode?: Mode;
  /** A cell with (clear) empties that field of a member. Default: false. */
  allowClear?: boolean;
  /** The job whose rows this file corrects. */
  follows?: string;
}

/** Returns the options that were given, as the names and values of the fields of a form. */
export function fieldsOf(options: RowOptions): [name: string, value: string][] {
  const all = {
    dry_run: options.dryRun, iec_verification: options.iecVerification, mode: options.mode,
    allow_clear: options.allowClear, mapping: options.mapping && JSON.stringify(options.mapping),
    follows: options.follows,
  };
  return Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
}

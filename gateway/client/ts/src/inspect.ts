// What the server tells of a file before it is uploaded, and the mappings that a person keeps.

/** From the text of a header, or the letter of a column, to a field, or null to leave the column out. */
export type Mapping = Record<string, string | null>;

export interface InspectedColumn {
  letter: string;
  /** Empty for none. ID numbers are masked. */
  header: string;
  /** The field that it is read as; null where it is left out. */
  field: string | null;
  /** header or content of a column that is read; unknown, empty, twice or reasons of one that is not. */
  why: string;
  message: string;
  /** The letter of the column that is used instead, where why is twice. */
  used?: string;
  /** Cells below the header that show something. */
  filled: number;
  /** The first three of them, ID numbers masked. */
  values: string[];
}

export interface Inspection {
  file_name: string;
  file_size: number;
  format: string;
  sheets: { name: string; rows: number; hidden: boolean; problem?: string }[];
  /** Index of the sheet that is read, from 0. */
  sheet: number;
  /** From 1; 0 where no row looks like a header. */
  header_row: number;
  why: string;
  columns: InspectedColumn[];
  counts: {
    total_records: number; valid_records: number; valid_ids: number; invalid_ids: number; duplicates: number;
    blank_rows: number; out_of_area: number;
  };
  /** Rows that would be rejected, by the code of the reason. */
  rejected?: Record<string, number>;
  file_warnings?: { code: string; message: string }[];
  row_warnings?: { field: string; code: string; rows: number; first_row: number }[];
  /** Why an upload would be refused. */
  refusal?: { code: string; message: string };
  /** A mapping of the user that fits. */
  mapping_offered?: SavedMapping;
}

export interface SavedMapping {
  name: string;
  mapping: Mapping;
  saved_at: string;
}

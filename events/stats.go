package events

// ValidationStats counts what happened to the rows of a file. Validation fills
// in the first block; the report adds the second one.
type ValidationStats struct {
	// TotalRecords counts the rows that are not blank.
	TotalRecords int `json:"total_records"`
	// ValidRecords counts the rows that go on to the IEC: those with a valid ID
	// number, in the uploader's area, that no earlier row has.
	ValidRecords int `json:"valid_records"`
	// ValidIDs counts the rows with a valid ID number, duplicates included.
	ValidIDs   int `json:"valid_ids"`
	InvalidIDs int `json:"invalid_ids"`
	// UniqueRecords counts the different valid ID numbers of rows in the area.
	UniqueRecords int `json:"unique_records"`
	// Duplicates counts the rows that repeat the ID number of an earlier row.
	Duplicates int `json:"duplicates"`
	Warnings   int `json:"warnings"`
	BlankRows  int `json:"blank_rows"`
	// OutOfArea counts the rows outside the uploader's area.
	OutOfArea int `json:"out_of_area,omitempty"`
	// Objected counts the rows of people who have objected to being on a roll.
	Objected int `json:"objected,omitempty"`

	Registered      int `json:"registered"`
	NotRegistered   int `json:"not_registered"`
	Deceased        int `json:"deceased"`
	International   int `json:"international"`
	Unverified      int `json:"unverified"`
	ExistingMembers int `json:"existing_members"`
	NewMembers      int `json:"new_members"`
}

// IECStats counts the verdicts of a job. The five classes add up to Total.
type IECStats struct {
	Total         int `json:"total_records"`
	Registered    int `json:"registered"`
	NotRegistered int `json:"not_registered"`
	Deceased      int `json:"deceased"`
	International int `json:"international"`
	// Unverified counts the rows that the IEC could not be asked about.
	Unverified int `json:"unverified"`
	// Calls counts the requests; Cached counts the rows that needed none.
	Calls  int `json:"calls"`
	Cached int `json:"cached"`
}

// DatabaseStats counts what the database did. The other counts but Cleared add up
// to Total.
type DatabaseStats struct {
	Total     int `json:"total_records"`
	Inserts   int `json:"inserts"`
	Updates   int `json:"updates"`
	Unchanged int `json:"unchanged"`
	// Errors counts the rows that the database refused.
	Errors int `json:"errors"`
	// Removed and Kept count the members of an undo: those that were deleted,
	// and those that stay because another job has changed them since.
	Removed int `json:"removed,omitempty"`
	Kept    int `json:"kept,omitempty"`
	// Transfers counts the rows that wait for somebody whose area covers the
	// stored member too.
	Transfers int `json:"transfers,omitempty"`
	// Objected counts the rows of people who have objected since the file was
	// validated.
	Objected int `json:"objected,omitempty"`
	// Known counts the rows of people who are members already, of a job that only
	// adds people. Unknown counts those of people who are no members in the job's
	// area, of a job that adds nobody.
	Known   int `json:"known,omitempty"`
	Unknown int `json:"unknown,omitempty"`
	// Cleared counts the members of whom a field was emptied, as the file asked.
	// They are part of Updates.
	Cleared int `json:"cleared,omitempty"`
	// DryRun says that nothing was written: the counts are what would have
	// been.
	DryRun bool `json:"dry_run,omitempty"`
}

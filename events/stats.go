package events

// ValidationStats counts what became of the rows of a file. Validation knows
// the first block; the last is filled in by the report, when the job is done.
type ValidationStats struct {
	// TotalRecords is every row that is not blank.
	TotalRecords int `json:"total_records"`
	// ValidRecords is the rows that go on: a valid ID number, first occurrence.
	ValidRecords int `json:"valid_records"`
	// ValidIDs is the rows with a valid ID number, duplicates among them.
	ValidIDs   int `json:"valid_ids"`
	InvalidIDs int `json:"invalid_ids"`
	// UniqueRecords is the number of different valid ID numbers.
	UniqueRecords int `json:"unique_records"`
	// Duplicates is the rows that repeat an ID number of an earlier row.
	Duplicates int `json:"duplicates"`
	Warnings   int `json:"warnings"`
	BlankRows  int `json:"blank_rows"`

	Registered      int `json:"registered"`
	NotRegistered   int `json:"not_registered"`
	Deceased        int `json:"deceased"`
	International   int `json:"international"`
	Unverified      int `json:"unverified"`
	ExistingMembers int `json:"existing_members"`
	NewMembers      int `json:"new_members"`
}

// IECStats counts the verdicts of a job; the five classes add up to Total.
type IECStats struct {
	Total         int `json:"total_records"`
	Registered    int `json:"registered"`
	NotRegistered int `json:"not_registered"`
	Deceased      int `json:"deceased"`
	International int `json:"international"`
	// Unverified is the people whom the IEC could not be asked about.
	Unverified int `json:"unverified"`
	// Calls is the requests made, Cached the rows answered without one.
	Calls  int `json:"calls"`
	Cached int `json:"cached"`
}

// DatabaseStats counts what the database did; all but Total and DryRun add up to Total.
type DatabaseStats struct {
	Total     int `json:"total_records"`
	Inserts   int `json:"inserts"`
	Updates   int `json:"updates"`
	Unchanged int `json:"unchanged"`
	// Errors is the rows that the database refused.
	Errors int `json:"errors"`
	// Removed and Kept are of an undo: members that are none any more, and those
	// that were left because another job had changed them since.
	Removed int `json:"removed,omitempty"`
	Kept    int `json:"kept,omitempty"`
	// DryRun says that the figures are what would have been written.
	DryRun bool `json:"dry_run,omitempty"`
}

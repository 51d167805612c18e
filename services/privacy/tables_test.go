package privacy

import (
	"slices"
	"testing"

	"rollcall.example/services/postgres/postgrestest"
)

// notSearched are the columns of text that can name nobody, with the reason.
var notSearched = map[string]string{
	"members.id_number":             "the person's own row goes as a whole",
	"members.ward_code":             "8 digits",
	"members.voting_district":       "8 digits",
	"members.vd_code":               "8 digits",
	"members.iec_status":            "one of five words",
	"members.iec_ward":              "8 digits",
	"members.iec_vd":                "8 digits",
	"members.created_by_job":        "id of a job",
	"members.updated_by_job":        "id of a job",
	"job_outcome_rows.job_id":       "id of a job",
	"job_outcome_rows.id_number":    "the person's own rows go as a whole",
	"job_outcome_rows.result":       "one of a few words",
	"job_outcome_rows.vd_code":      "8 digits",
	"job_outcome_rows.changed":      "names of columns",
	"job_ledger.job_id":             "id of a job",
	"jobs.job_id":                   "id of a job",
	"jobs.owner_role":               "a role",
	"jobs.status":                   "one of a few words",
	"jobs.stage":                    "one of a few words",
	"jobs.stats":                    "numbers",
	"jobs.failed_stage":             "one of a few words",
	"jobs.error_code":               "one of our codes",
	"jobs.file_sha256":              "a digest",
	"job_sums.owner_id":             "that of jobs, which is searched; follows it within a minute",
	"job_sums.status":               "one of a few words",
	"job_sums_now.owner_id":         "a view of jobs",
	"job_sums_now.status":           "one of a few words",
	"webhooks.id":                   "made by us",
	"webhooks.job_id":               "id of a job",
	"webhooks.secret":               "made by us",
	"webhooks.old_secret":           "made by us",
	"webhooks.kinds":                "kinds of facts",
	"webhook_deliveries.webhook_id": "made by us",
	"webhook_deliveries.job_id":     "id of a job",
	"webhook_deliveries.kind":       "a kind of fact",
	"webhook_deliveries.state":      "one of three words",
	"notifications.id":              "made by us",
	"notifications.role":            "a role",
	"notifications.area":            "codes of places",
	"mails.user_id":                 "that of notifications, which is searched",
	"mails.job_id":                  "id of a job",
	"mails.kind":                    "a kind of fact",
	"mails.topic":                   "one of two words",
	"mails.state":                   "one of a few words",
	"ward_regions.ward_code":        "8 digits",
	"ward_regions.sub_region":       "loaded by an administrator, about wards",
	"ward_regions.municipality":     "loaded by an administrator, about wards",
	"ward_regions.province":         "loaded by an administrator, about wards",
	"ward_changes.job_id":           "id of a job",
	"ward_changes.ward":             "8 digits",
	"ward_changes.municipality":     "has three digits at most, by name_of_place",
	"ward_changes.province":         "has three digits at most, by name_of_place",
	"ward_changes.place_ward":       "8 digits",
	"audit_heads.sha256":            "a digest",
	"job_people.job_id":             "id of a job",
	"job_people.people":             "keyed hashes",
	"job_retention.job_id":          "id of a job",
	"job_retention.objects":         "hashes",
	"job_retention.shared":          "names of artifacts, made by us",

	"ward_changes.place_municipality": "has three digits at most, by name_of_place",
	"ward_changes.place_province":     "has three digits at most, by name_of_place",
	"jobs.completes":                  "id of a job",
	"job_outcome_groups.job_id":       "id of a job",
	"job_outcome_groups.result":       "one of a few words",
	"job_outcome_groups.id_numbers":   "the person's own part goes as a whole",
	"job_outcome_groups.ns":           "numbers of rows",
	"job_outcome_groups.vd_codes":     "8 digits",
}

// Each column of text is searched for a person, or it stands above why it need not be.
func TestEveryTextOfTheDatabaseIsSearched(t *testing.T) {
	var columns []string
	err := postgrestest.New(t).Select(&columns, `SELECT table_name || '.' || column_name FROM information_schema.columns
WHERE table_schema = 'public' AND table_name NOT LIKE 'goose%' AND table_name <> 'job_outcomes' -- a view of two tables
  AND data_type IN ('text', 'character varying', 'json', 'jsonb', 'ARRAY')`)
	if err != nil {
		t.Fatal(err)
	}
	searched := map[string]bool{}
	for _, table := range tables {
		for _, column := range table.columns() {
			searched[table.name+"."+column] = true
		}
	}
	for _, column := range columns {
		if _, excused := notSearched[column]; searched[column] == excused {
			t.Errorf("%s is searched: %v, excused: %v", column, searched[column], excused)
		}
		delete(searched, column)
	}
	for column := range searched {
		t.Errorf("%s is searched and does not exist", column)
	}
	for column := range notSearched {
		if !slices.Contains(columns, column) {
			t.Errorf("%s is excused and does not exist", column)
		}
	}
}

package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/tealeg/xlsx/v3"

	"rollcall.example/events"
	"rollcall.example/schema"
	"rollcall.example/services/postgres"
)

var update = flag.Bool("update", false, "write the golden files and docs/console.png anew")

// goldenRig is rollcall up, with access to its stream and its tables.
type goldenRig struct {
	t     *testing.T
	up    *program
	token string
	db    *sqlx.DB
	log   *events.Log
	// nats are the variables of nats-cli.env.
	nats map[string]string
	// database is the URL of the database.
	database string
}

func newGoldenRig(t *testing.T) *goldenRig { return newGoldenRigIn(t, t.TempDir()) }

// newGoldenRigIn uses the given data folder.
func newGoldenRigIn(t *testing.T, dir string, options ...string) *goldenRig {
	t.Helper()
	database := privateDatabase(t)
	r := &goldenRig{t: t, up: startUp(t, dir, append(options, "--database", database)...),
		token: token(t, "alice", "member"), nats: natsCLI(t, dir), database: database}
	var err error
	if r.db, err = postgres.Open(t.Context(), database); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.db.Close() }) // the server ends next
	said := r.nats
	js, err := events.Connect(events.Connection{URL: said["NATS_URL"], User: said["NATS_USER"],
		Password: said["NATS_PASSWORD"]})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(js.Conn().Close)
	r.log = events.NewLog(js, "", nil)
	return r
}

// natsCLI returns the variables in the nats-cli.env of a data folder, and the password in its
// investigator.env.
func natsCLI(t *testing.T, dir string) map[string]string {
	t.Helper()
	said := map[string]string{}
	for _, file := range []string{"investigator.env", "nats-cli.env"} { // NATS_USER is that of the last one
		env, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`([A-Z_]*NATS\w*)='?([^'\s]+)'?`).FindAllStringSubmatch(string(env), -1) {
			said[m[1]] = m[2]
		}
	}
	return said
}

// artifacts returns the artifacts as somebody reads them who looks into a case.
func (r *goldenRig) artifacts() *events.Store {
	r.t.Helper()
	js, err := events.Connect(events.Connection{URL: r.nats["NATS_URL"], User: "investigator",
		Password: r.nats["ROLLCALL_NATS_PASSWORD_INVESTIGATOR"]})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(js.Conn().Close)
	return events.NewNotedStore(js)
}

// file writes a sample to a file, to be uploaded.
func (r *goldenRig) file(sample string) string {
	r.t.Helper()
	data, err := schema.Samples.ReadFile("samples/" + sample)
	if err != nil {
		r.t.Fatal(err)
	}
	file := filepath.Join(r.t.TempDir(), sample)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		r.t.Fatal(err)
	}
	return file
}

// run uploads a workbook and returns its job once that is complete.
func (r *goldenRig) run(file string, options ...string) events.Job {
	r.t.Helper()
	shown := mustRun(r.t, append([]string{"upload", file, "--watch", "--server", r.up.url(), "--token", r.token},
		options...)...)
	job, err := r.log.Load(r.t.Context(), jobIDs.FindString(shown))
	if err != nil {
		r.t.Fatal(err)
	}
	if job.Reported == nil {
		r.t.Fatalf("the job ended as %s: %+v\n%s", job.Status, job.Failed, shown)
	}
	return job
}

func (r *goldenRig) report(job events.Job) *xlsx.File {
	r.t.Helper()
	path := filepath.Join(r.t.TempDir(), "report.xlsx")
	mustRun(r.t, "report", job.ID, "-o", path, "--server", r.up.url(), "--token", r.token)
	book, err := xlsx.OpenFile(path)
	if err != nil {
		r.t.Fatal(err)
	}
	return book
}

// describe returns everything about a job as text. first is the header of the first column
// of its upload.
func (r *goldenRig) describe(job events.Job, first string) string {
	var b strings.Builder
	b.WriteString("# events\n")
	r.dumpEvents(&b, job)
	b.WriteString("# members\n")
	r.dumpMembers(&b, job)
	b.WriteString("# job_outcomes\n")
	r.dumpOutcomes(&b, job)
	b.WriteString("# report\n")
	dumpReport(r.t, &b, r.report(job), job, first)
	return b.String()
}

// The samples, from the upload to the last cell: what is printed, stored and reported. After
// an intended change, run with -update and read the diff.
func TestGoldenSamples(t *testing.T) {
	t.Parallel()
	r := newGoldenRig(t)

	dry := r.run(r.file("hostile.xlsx"), "--dry-run", "--skip-iec")
	checkGolden(t, "hostile-dryrun.golden", r.describe(dry, "Identity NUMBER"))
	if n := r.count("members") + r.count("job_outcomes") + r.count("job_ledger"); n != 0 {
		t.Fatalf("a dry run wrote %d rows", n)
	}

	hostile := r.run(r.file("hostile.xlsx"))
	checkGolden(t, "hostile.golden", r.describe(hostile, "Identity NUMBER"))

	t.Run("a dry run tells what the real one then does", func(t *testing.T) {
		told, done := dry.Persisted.Stats, hostile.Persisted.Stats
		told.DryRun = false
		if told != done {
			t.Errorf("told %+v, did %+v", told, done)
		}
	})

	t.Run("the same file again changes no member and says so", func(t *testing.T) {
		before := r.members()
		again := r.run(r.file("hostile.xlsx"))
		if after := r.members(); after != before || before == "" {
			t.Errorf("members before\n%s\nafter\n%s", before, after)
		}
		want := hostile.Persisted.Stats
		want.Inserts, want.Unchanged = 0, want.Inserts+want.Unchanged
		if got := again.Persisted.Stats; got != want || again.Verified.Stats.Calls != 0 {
			t.Errorf("database %+v, want %+v; IEC %+v", got, want, again.Verified.Stats)
		}
		sheet := r.report(again).Sheet["New Members"]
		if cell, err := sheet.Cell(1, 0); err != nil || cell.Value != "Nobody of the file is a new member." {
			t.Errorf("the report says %q (%v)", cell.Value, err)
		}
	})

	t.Run("what has to be fixed can be uploaded as it is", func(t *testing.T) {
		before := r.members()
		path := filepath.Join(t.TempDir(), "fix.xlsx")
		mustRun(t, "report", hostile.ID, "--rejects", "-o", path, "--server", r.up.url(), "--token", r.token)
		rejected := r.run(path)
		v := rejected.Validated.Stats
		invalid := hostile.Validated.Stats.InvalidIDs
		if v.InvalidIDs != invalid || v.TotalRecords <= invalid ||
			v.TotalRecords > invalid+hostile.Validated.Stats.Duplicates+hostile.Persisted.Stats.Errors {
			t.Errorf("of %+v and %+v came %+v", hostile.Validated.Stats, hostile.Persisted.Stats, v)
		}
		if after := r.members(); strings.Count(after, "\n") != strings.Count(before, "\n") {
			t.Errorf("members before\n%s\nafter\n%s", before, after)
		}
		checkGolden(t, "hostile-rejects.golden", r.describe(rejected, "Identity NUMBER"))
	})

	checkGolden(t, "roll-500.golden", r.describe(r.run(r.file("roll-500.xlsx")), "ID Number"))
}

func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Fatalf("%s:%d differs; got\n%s", file, i+1, strings.Join(g[min(i, len(g)):min(i+3, len(g))], "\n"))
		}
	}
}

// dumpEvents writes the facts of a job, one per line.
func (r *goldenRig) dumpEvents(b *strings.Builder, job events.Job) {
	r.t.Helper()
	list, err := r.log.Replay(r.t.Context(), job.ID, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range list {
		body, err := json.Marshal(e.Fact)
		if err != nil {
			r.t.Fatal(err)
		}
		var fact map[string]any
		if err := json.Unmarshal(body, &fact); err != nil {
			r.t.Fatal(err)
		}
		dropVarying(fact)
		if body, err = json.Marshal(fact); err != nil {
			r.t.Fatal(err)
		}
		fmt.Fprintf(b, "%s %s %s\n", e.Kind, e.Owner, body)
	}
}

// dropVarying drops what differs from run to run.
func dropVarying(fact map[string]any) {
	for _, name := range []string{"job_id", "at", "cause_seq", "processing_duration_ms", "name", "size", "sha256"} {
		delete(fact, name)
	}
	for _, v := range fact {
		if inner, ok := v.(map[string]any); ok {
			dropVarying(inner)
		}
		list, _ := v.([]any)
		for _, v := range list {
			if inner, ok := v.(map[string]any); ok {
				dropVarying(inner)
			}
		}
	}
}

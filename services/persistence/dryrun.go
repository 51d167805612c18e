package persistence

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"rollcall.example/events/records"
	"rollcall.example/events/refusal"
	"rollcall.example/events/stage"
)

// FailedMembersChanged is the code of a job that commits a dry run whose members have
// changed since.
const FailedMembersChanged = "members_changed"

// maxNamed is how many rows a refusal names.
const maxNamed = 50

// dryRun is what the job commits: what has been shown of each row. Its outcomes are
// read beside those of the job.
type dryRun struct {
	salt     string
	outcomes *records.Reader[records.Outcome]
	next     func() (*records.Outcome, error, bool)
	stop     func()
	// shown is the outcome that was read last; nil before the first and after the last.
	shown *records.Outcome
	// changed are the first rows that would do something else, and total counts all.
	changed []int
	total   int
}

// openDryRun opens the dry run that the job commits. It does nothing for another job.
func (r *run) openDryRun(ctx context.Context) error {
	if r.work.Job.Options.Commits == "" {
		return nil
	}
	job, err := r.work.LoadCommitted(ctx)
	if err != nil {
		return err
	}
	outcomes, err := records.Open[records.Outcome](ctx, r.service.store, job.Persisted.Outcomes)
	if err != nil {
		return err
	}
	r.dryRun = &dryRun{salt: outcomes.Header.Salt, outcomes: outcomes}
	r.dryRun.next, r.dryRun.stop = iter.Pull2(outcomes.AllReusing())
	if r.dryRun.salt == "" {
		return stage.RejectWith(refusal.OldDryRun())
	}
	return nil
}

func (d *dryRun) close() error {
	d.stop()
	return d.outcomes.Close()
}

// compare notes the row if it does something else than the dry run has shown. Both
// have the same rows in the same order, but for those of people who were erased since.
// Somebody who has objected since is left out, which changes no member.
func (d *dryRun) compare(o *records.Outcome) error {
	for d.shown == nil || d.shown.N < o.N {
		shown, err, ok := d.next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		d.shown = shown
	}
	same := d.shown != nil && d.shown.N == o.N && d.shown.Digest != "" && d.shown.Digest == o.Digest
	if same || o.Result == records.Objected {
		return nil
	}
	if d.total++; len(d.changed) < maxNamed {
		d.changed = append(d.changed, o.N)
	}
	return nil
}

// finish refuses the job if a row does something else than the dry run has shown.
func (d *dryRun) finish() error {
	if d.total == 0 {
		return nil
	}
	return stage.Reject(FailedMembersChanged, fmt.Sprintf("Members have changed since the dry run: %s. "+
		"Nothing was written. Please upload the file again, and look at what it would do now.",
		nameRows(d.changed, d.total)), nil)
}

// nameRows names rows by their numbers: row 4, or rows 4, 7 and 12 more.
func nameRows(first []int, total int) string {
	if total == 1 {
		return "row " + strconv.Itoa(first[0])
	}
	var numbers []string
	for _, n := range first {
		numbers = append(numbers, strconv.Itoa(n))
	}
	last := len(numbers) - 1
	if more := total - len(first); more > 0 {
		return fmt.Sprintf("rows %s and %d more", strings.Join(numbers, ", "), more)
	}
	return "rows " + strings.Join(slices.Clip(numbers[:last]), ", ") + " and " + numbers[last]
}

// seenMembersSQL joins the members that an outcome tells of. One that lies outside of
// the job's area is none of them.
var seenMembersSQL = ` LEFT JOIN LATERAL ` + memberSQL("o.result IN ('inserted', 'updated', 'unchanged', 'known')") +
	` m ON true`

// memberSQL selects the member of an outcome o by the index. A plain join leaves it to the
// planner, who believes that there are none of the members that this transaction has
// inserted, if autovacuum has counted the table meanwhile: it then goes through all of
// them for each outcome.
func memberSQL(condition string) string {
	return `(SELECT * FROM members s WHERE s.id_number = o.id_number AND ` + condition + ` OFFSET 0)`
}

// overwrittenSQL returns, as text, what a row writes over what is there: its outcome and
// the member as it is then, whatever jobs and times wrote it. A time of the IEC's answer
// is a number there, which no setting of a session changes. It is the text of a record, for
// that of a JSON object of each member takes longer than to write them.
var overwrittenSQL = func() string {
	const writer = ` - 'updated_at' - 'updated_by_job'`
	values := []string{"o.n", "o.id_number", "o.result", "o.vd_code", "o.error", "o.changed",
		withoutZone("o.before") + writer, withoutZone("o.after")}
	for _, c := range columns {
		value := "m." + c.name
		if c.typ == "timestamptz" {
			value = "extract(epoch FROM " + value + ")"
		}
		values = append(values, value)
	}
	return "ROW(" + commaList(values) + ")::text"
}()

// withoutZone returns an image of a member in which the time of the IEC's answer is a
// number.
func withoutZone(image string) string {
	return `CASE WHEN ` + image + ` ? 'verified_at' THEN jsonb_set(` + image + `, '{verified_at}',
    to_jsonb(extract(epoch FROM (` + image + `->>'verified_at')::timestamptz))) ELSE ` + image + ` END`
}

// digestSize is how many bytes of a digest are kept.
const digestSize = 16

// rowDigest returns the digest of what one row writes. Without the salt nobody can
// find out by trying what is in it.
func rowDigest(salt string, line []byte) string {
	sum := hmac.New(sha256.New, []byte(salt))
	_, _ = sum.Write(line) // never fails
	return hex.EncodeToString(sum.Sum(nil)[:digestSize])
}

// Package whatif judges the rows of a job again by other rules and tells what would
// differ. It asks nobody and writes nothing.
package whatif

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

// Judge judges the rows of one roll, one after the other, as the stage validation does.
type Judge interface {
	// JudgeRow returns the row or its rejection, and neither for a blank row.
	JudgeRow(workbook.Row) (*records.Row, *records.RejectedRow)
	// Stats returns the counts so far.
	Stats() events.ValidationStats
}

// Roll is what a judge has to know of a roll, and by which rules it judges.
type Roll struct {
	Header     workbook.Header
	UploadedAt time.Time
	Date1904   bool
	// Mapping is that of the job; nil for none.
	Mapping *events.Mapping
	// Area is that of the job; nil means the whole country.
	Area *events.Area
	// AllowClear says that cells may empty fields.
	AllowClear bool
	Rules      schema.Rules
}

// Config is what a comparison works with. All of it is required.
type Config struct {
	// Store reads the artifacts of the job.
	Store *events.Store
	// NewJudge returns the judge of a roll.
	NewJudge func(Roll) (Judge, error)
	// Visit hears of each row that differs, in the order of the rows.
	Visit func(Difference) error
}

// Sum is what would differ on the whole.
type Sum struct {
	Before events.ValidationStats `json:"before"`
	After  events.ValidationStats `json:"after"`
	// Differing counts the rows that would be judged otherwise.
	Differing int `json:"rows_that_differ"`
	// Placed counts the rows that would have the sub-region of their ward.
	Placed int `json:"rows_with_sub_region"`
	// Wards are those that would reach the rules' target, with registered people of
	// this file; never nil.
	Wards []string `json:"wards_that_reach_the_target"`
}

// Job judges the upload of a job again and compares. It fails where the job has not been
// judged yet, and where what it was made of is no longer kept.
func Job(ctx context.Context, cfg Config, job *events.Job, rules schema.Rules) (sum Sum, err error) {
	if job.Validated == nil || job.Options.Undoes != "" || job.Options.Completes != "" {
		return sum, errors.New("whatif: the job has no rows that were judged")
	}
	if job.Options.Commits != "" {
		return sum, fmt.Errorf("whatif: the rows were judged in the dry run %s", job.Options.Commits)
	}
	for _, a := range append(job.Inputs()[:1], job.Validated.Rows, job.Validated.Rejects) {
		if e := job.Removed(a); e != nil {
			return sum, fmt.Errorf("whatif: what the job was made of is no longer kept: it was removed on %s",
				e.At.Format(time.DateOnly))
		}
	}
	upload := job.Uploaded.File
	file, err := cfg.Store.Fetch(ctx, upload)
	if err != nil {
		return sum, err
	}
	defer func() { _ = file.Close() }() // a local copy
	next, stop := iter.Pull2(judgementsBefore(ctx, cfg.Store, job))
	defer stop()
	c := comparison{Config: cfg, rules: rules, next: next, registered: map[string]int{}}
	c.sum.Before = job.Validated.Stats
	roll := Roll{UploadedAt: job.CreatedAt, Area: job.Uploaded.Area, Mapping: job.Uploaded.Mapping,
		AllowClear: job.Options.AllowClear, Rules: rules}
	if c.sum.After, err = c.judge(ctx, file, upload.Size, roll, c.add); err != nil {
		return sum, err
	}
	c.sum.Wards = []string{}
	for _, ward := range slices.Sorted(maps.Keys(c.registered)) {
		if rules.WardTarget > 0 && c.registered[ward] >= rules.WardTarget {
			c.sum.Wards = append(c.sum.Wards, ward)
		}
	}
	return c.sum, nil
}

// comparison is one run of Job.
type comparison struct {
	Config
	rules schema.Rules
	// next returns the next judgement that the job was given.
	next       func() (judgement, error, bool)
	registered map[string]int // people, by ward
	sum        Sum
}

// add compares the judgement of the next row with the one that it had before.
func (c *comparison) add(after judgement) error {
	before, err, ok := c.next()
	switch {
	case err != nil:
		return err
	case !ok || before.row != after.row:
		return fmt.Errorf("whatif: row %d was none before", after.row)
	}
	if v := before.verdict; v != nil && v.Status == records.Registered && after.class == Accepted {
		c.registered[v.Ward]++
	}
	d, differs := compare(before, after)
	if differs {
		c.sum.Differing++
	}
	if d.SubRegion = subRegion(after, before.verdict, c.rules); d.SubRegion != "" {
		c.sum.Placed++
	}
	if !differs && d.SubRegion == "" {
		return nil
	}
	return c.Visit(d)
}

// judge judges the rows of an upload.
func (c *comparison) judge(
	ctx context.Context, file io.ReaderAt, size int64, roll Roll, visit func(judgement) error,
) (stats events.ValidationStats, err error) {
	columns, err := roll.Rules.Columns()
	if err != nil {
		return stats, err
	}
	book, err := workbook.Open(ctx, file, size, workbook.Budget{})
	if err != nil {
		return stats, err
	}
	defer func() { _ = book.Close() }() // a reader
	sheet, header, err := book.RollAt(columns, roll.Mapping)
	if err != nil {
		return stats, err
	}
	roll.Header, roll.Date1904 = header, book.Date1904
	judge, err := c.NewJudge(roll)
	if err != nil {
		return stats, err
	}
	for row, err := range sheet.OrderedRows() {
		if err != nil {
			return stats, err
		}
		switch valid, reject := judge.JudgeRow(row); {
		case valid != nil:
			err = visit(acceptedRow(valid))
		case reject != nil:
			err = visit(judgement{row: reject.N, class: reject.Code})
		}
		if err != nil {
			return stats, err
		}
	}
	return judge.Stats(), nil
}

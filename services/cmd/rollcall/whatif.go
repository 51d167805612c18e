package main

import (
	"context"
	"encoding/json"
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
	"rollcall.example/services/app"
	"rollcall.example/services/validation"
	"rollcall.example/services/workbook"
)

type whatIfCmd struct {
	Job   string           `arg:"" help:"The job's id."`
	Rules string           `required:"" type:"existingfile" placeholder:"FILE" help:"The other rules, as JSON, or as YAML where its name ends in .yaml or .yml."`
	JSON  bool             `env:"-" name:"json" help:"Print a line of JSON for each row that differs, and one for the whole."`
	NATS  app.NATSSettings `embed:""`
}

// judgement is what the rules say of a row.
type judgement struct {
	n        int
	class    string // accepted, or the code of the rejection
	fields   map[string]string
	warnings []string // field and code
	verdict  *records.Verdict
}

// difference is how the judgements of a row differ.
type difference struct {
	Row      int                  `json:"row"`
	Before   string               `json:"before"`
	After    string               `json:"after"`
	Fields   map[string][2]string `json:"fields,omitempty"`
	Warnings map[string][]string  `json:"warnings,omitempty"` // new and gone
	// SubRegion is the one that the rules give to a row whose file names none. What
	// it was is in the database only.
	SubRegion string `json:"sub_region,omitempty"`
}

// Run judges the job's upload again and compares.
func (c *whatIfCmd) Run(ctx context.Context, p *process) (err error) {
	if c.NATS.URL == "" {
		return errors.New("whatif: no NATS: give --nats, or read nats-cli.env of the data folder")
	}
	rules, err := readRules(c.Rules)
	if err != nil {
		return err
	}
	in := p.infrastructure(c.NATS)
	defer func() { err = errors.Join(err, in.Close()) }()
	js, err := in.NATS("operator")
	if err != nil {
		return err
	}
	job, err := events.NewLog(js, "", p.log).Load(ctx, c.Job)
	if err != nil {
		return err
	}
	if job.Validated == nil || job.Options.Undoes != "" {
		return errors.New("whatif: the job has no rows that were judged")
	}
	for _, a := range append(job.Inputs()[:1], job.Validated.Rows, job.Validated.Rejects) {
		if e := job.Removed(a); e != nil {
			return fmt.Errorf("whatif: what the job was made of is kept no longer: it was removed on %s", e.At.Format(time.DateOnly))
		}
	}
	return c.compare(ctx, p.out, events.NewStore(js), &job, rules)
}

func (c *whatIfCmd) compare(ctx context.Context, out io.Writer, store *events.Store, job *events.Job, rules schema.Rules) (err error) {
	upload := job.Uploaded.File
	file, err := store.Fetch(ctx, upload)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // a local copy
	before, closeBefore, err := told(ctx, store, job)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeBefore()) }()
	next, stop := iter.Pull2(before)
	defer stop()
	differing, placed, wards := 0, 0, map[string]int{}
	stats, err := judged(file, upload.Size, job, rules, func(after judgement) error {
		was, err, ok := next()
		switch {
		case err != nil:
			return err
		case !ok || was.n != after.n:
			return fmt.Errorf("whatif: row %d was none before", after.n)
		}
		if was.verdict != nil && was.verdict.Status == records.Registered && after.class == accepted {
			wards[was.verdict.Ward]++
		}
		d, differs := differ(was, after)
		if d.SubRegion = subRegion(after, was.verdict, rules); d.SubRegion != "" {
			placed++
		}
		if differs {
			differing++
		} else if d.SubRegion == "" {
			return nil
		}
		return c.print(out, d)
	})
	if err != nil {
		return err
	}
	return c.sum(out, job.Validated.Stats, stats, differing, placed, rules, wards)
}

const accepted = "accepted"

// judged judges the rows of an upload by rules.
func judged(file io.ReaderAt, size int64, job *events.Job, rules schema.Rules, visit func(judgement) error) (events.ValidationStats, error) {
	none := events.ValidationStats{}
	columns, err := rules.Columns()
	if err != nil {
		return none, err
	}
	book, err := workbook.Open(file, size, workbook.Limits{})
	if err != nil {
		return none, err
	}
	defer func() { _ = book.Close() }() // a reader
	sheet, header, err := book.Roll(columns)
	if err != nil {
		return none, err
	}
	judge, err := validation.NewJudge(validation.Settings{Header: header, UploadedAt: job.CreatedAt, Date1904: book.Date1904, Rules: rules})
	if err != nil {
		return none, err
	}
	for row, err := range sheet.Rows() {
		if err != nil {
			return none, err
		}
		switch valid, reject := judge.JudgeRow(row); {
		case valid != nil:
			err = visit(ofRow(valid))
		case reject != nil:
			err = visit(judgement{n: reject.N, class: reject.Code})
		}
		if err != nil {
			return none, err
		}
	}
	return judge.Stats(), nil
}

func ofRow(r *records.Row) judgement {
	j := judgement{n: r.N, class: accepted, fields: r.Fields}
	for _, w := range r.Warnings {
		j.warnings = append(j.warnings, w.Field+" "+w.Code)
	}
	return j
}

// told yields the judgements that the job was given, in the order of the rows.
func told(ctx context.Context, store *events.Store, job *events.Job) (iter.Seq2[judgement, error], func() error, error) {
	rows, err := records.Open[records.Row](ctx, store, job.Validated.Rows)
	if err != nil {
		return nil, nil, err
	}
	rejects, err := records.Open[records.RejectedRow](ctx, store, job.Validated.Rejects)
	if err != nil {
		return nil, nil, errors.Join(err, rows.Close())
	}
	closers := []func() error{rows.Close, rejects.Close}
	verdicts := func(func(*records.Verdict, error) bool) {}
	if job.Verified != nil {
		v, err := records.Open[records.Verdict](ctx, store, job.Verified.Verdicts)
		if err != nil {
			return nil, nil, errors.Join(err, rows.Close(), rejects.Close())
		}
		verdicts, closers = v.All(), append(closers, v.Close)
	}
	end := func() (err error) {
		for _, c := range closers {
			err = errors.Join(err, c())
		}
		return err
	}
	return func(yield func(judgement, error) bool) {
		nextReject, stop := iter.Pull2(rejects.All())
		defer stop()
		nextVerdict, stopVerdicts := iter.Pull2(verdicts)
		defer stopVerdicts()
		reject, rerr, more := nextReject()
		before := func(n int) bool { // yields the rejects above row n
			for more && rerr == nil && (n == 0 || reject.N < n) {
				if !yield(judgement{n: reject.N, class: reject.Code}, nil) {
					return false
				}
				reject, rerr, more = nextReject()
			}
			return rerr == nil || yield(judgement{}, rerr)
		}
		for row, err := range rows.All() {
			if err != nil {
				yield(judgement{}, err)
				return
			}
			if !before(row.N) || rerr != nil {
				return
			}
			j := ofRow(row)
			var verr error
			if j.verdict, verr, _ = nextVerdict(); verr != nil {
				yield(judgement{}, verr)
				return
			}
			if !yield(j, nil) {
				return
			}
		}
		before(0)
	}, end, nil
}

// subRegion is that of the ward which the file names, else of the IEC's, for a row
// that goes on and names no region itself; "" for none.
func subRegion(is judgement, verdict *records.Verdict, rules schema.Rules) string {
	if is.class != accepted || is.fields["region"] != "" {
		return ""
	}
	ward := is.fields["ward"]
	if ward == "" && verdict != nil {
		ward = verdict.Ward
	}
	return rules.WardRegions[ward]
}

func differ(was, is judgement) (difference, bool) {
	d := difference{Row: was.n, Before: was.class, After: is.class, Fields: map[string][2]string{}, Warnings: map[string][]string{}}
	if was.class == accepted && is.class == accepted {
		for _, field := range slices.Sorted(maps.Keys(was.fields)) {
			if was.fields[field] != is.fields[field] {
				d.Fields[field] = [2]string{was.fields[field], is.fields[field]}
			}
		}
		for field, value := range is.fields {
			if _, had := was.fields[field]; !had {
				d.Fields[field] = [2]string{"", value}
			}
		}
	}
	for _, w := range is.warnings {
		if !slices.Contains(was.warnings, w) {
			d.Warnings["new"] = append(d.Warnings["new"], w)
		}
	}
	for _, w := range was.warnings {
		if !slices.Contains(is.warnings, w) {
			d.Warnings["gone"] = append(d.Warnings["gone"], w)
		}
	}
	return d, d.Before != d.After || len(d.Fields) > 0 || len(d.Warnings) > 0
}

func (c *whatIfCmd) print(out io.Writer, d difference) error {
	if c.JSON {
		return json.NewEncoder(out).Encode(d)
	}
	if d.Before != d.After {
		fmt.Fprintf(out, "row %d: %s would be %s\n", d.Row, d.Before, d.After)
	}
	for _, field := range slices.Sorted(maps.Keys(d.Fields)) {
		fmt.Fprintf(out, "row %d: %s %q would be %q\n", d.Row, field, d.Fields[field][0], d.Fields[field][1])
	}
	if d.SubRegion != "" {
		fmt.Fprintf(out, "row %d: its sub-region would be %q\n", d.Row, d.SubRegion)
	}
	for _, w := range d.Warnings["new"] {
		fmt.Fprintf(out, "row %d: would be warned about: %s\n", d.Row, w)
	}
	for _, w := range d.Warnings["gone"] {
		fmt.Fprintf(out, "row %d: would not be warned about: %s\n", d.Row, w)
	}
	return nil
}

// sum tells the figures before and after, and which wards would reach another target.
func (c *whatIfCmd) sum(out io.Writer, before, after events.ValidationStats, differing, placed int, rules schema.Rules, wards map[string]int) error {
	reach, target := []string{}, rules.WardTarget
	for _, ward := range slices.Sorted(maps.Keys(wards)) {
		if target > 0 && wards[ward] >= target {
			reach = append(reach, ward)
		}
	}
	if c.JSON {
		return json.NewEncoder(out).Encode(map[string]any{"rows_that_differ": differing, "rows_with_sub_region": placed, "before": before, "after": after, "wards_that_reach_the_target": reach})
	}
	fmt.Fprintf(out, "%d rows would differ\n", differing)
	fmt.Fprintf(out, "accepted %d, would be %d; warnings %d, would be %d\n", before.ValidRecords, after.ValidRecords, before.Warnings, after.Warnings)
	if len(rules.WardRegions) > 0 {
		fmt.Fprintf(out, "%d rows would have the sub-region of their ward\n", placed)
	}
	if target > 0 {
		fmt.Fprintf(out, "%d wards would reach %d registered people of this file\n", len(reach), target)
	}
	return nil
}

package records

import "time"

// How the records are read. Texts share the memory of their line.

var (
	rowNames     = []string{"n", "id", "fields", "cells", "warnings"}
	warningNames = []string{"field", "code", "message"}
	rejectNames  = []string{"n", "code", "message", "cell", "cells", "id", "first_row", "rows", "count"}
	verdictNames = []string{"n", "status", "reason", "voter_status", "ward", "vd", "station",
		"municipality_code", "municipality", "province", "at"}
	outcomeNames = []string{"n", "result", "changed", "before", "after", "vd", "error"}
)

func (r *Row) names() []string         { return rowNames }
func (w *Warning) names() []string     { return warningNames }
func (r *RejectedRow) names() []string { return rejectNames }
func (v *Verdict) names() []string     { return verdictNames }
func (o *Outcome) names() []string     { return outcomeNames }

func (r *Row) reset() {
	clear(r.Fields)
	clear(r.Cells)
	*r = Row{Fields: r.Fields, Cells: r.Cells[:0]}
}

func (r *RejectedRow) reset() { *r = RejectedRow{} }
func (v *Verdict) reset()     { *v = Verdict{} }
func (o *Outcome) reset()     { *o = Outcome{} }

func (r *Row) scan(s *scanner, name string) bool {
	switch name {
	case "n":
		s.integer(&r.N)
	case "id":
		scanText(s, &r.ID)
	case "fields":
		s.textMap(&r.Fields)
	case "cells":
		s.texts(&r.Cells)
	case "warnings":
		scanList(s, &r.Warnings, func(w *Warning) { s.object(w) })
	default:
		return false
	}
	return true
}

func (w *Warning) scan(s *scanner, name string) bool {
	switch name {
	case "field":
		scanText(s, &w.Field)
	case "code":
		scanText(s, &w.Code)
	case "message":
		scanText(s, &w.Message)
	default:
		return false
	}
	return true
}

func (r *RejectedRow) scan(s *scanner, name string) bool {
	switch name {
	case "n":
		s.integer(&r.N)
	case "code":
		scanText(s, &r.Code)
	case "message":
		scanText(s, &r.Message)
	case "cell":
		scanText(s, &r.Cell)
	case "cells":
		s.texts(&r.Cells)
	case "id":
		scanText(s, &r.ID)
	case "first_row":
		s.integer(&r.FirstRow)
	case "rows":
		scanList(s, &r.Rows, s.integer)
	case "count":
		s.integer(&r.Count)
	default:
		return false
	}
	return true
}

func (v *Verdict) scan(s *scanner, name string) bool {
	switch name {
	case "n":
		s.integer(&v.N)
	case "status":
		scanText(s, &v.Status)
	case "reason":
		scanText(s, &v.Reason)
	case "voter_status":
		scanText(s, &v.VoterStatus)
	case "ward":
		scanText(s, &v.Ward)
	case "vd":
		scanText(s, &v.VD)
	case "station":
		scanText(s, &v.Station)
	case "municipality_code":
		scanText(s, &v.MunicipalityCode)
	case "municipality":
		scanText(s, &v.Municipality)
	case "province":
		scanText(s, &v.Province)
	case "at":
		s.time(&v.At)
	default:
		return false
	}
	return true
}

func (o *Outcome) scan(s *scanner, name string) bool {
	switch name {
	case "n":
		s.integer(&o.N)
	case "result":
		scanText(s, &o.Result)
	case "changed":
		s.texts(&o.Changed)
	case "before":
		s.textMap(&o.Before)
	case "after":
		s.textMap(&o.After)
	case "vd":
		scanText(s, &o.VD)
	case "error":
		scanText(s, &o.Error)
	default:
		return false
	}
	return true
}

func (s *scanner) time(t *time.Time) {
	raw := s.raw()
	if s.err != nil || raw == "null" {
		return
	}
	if err := t.UnmarshalJSON([]byte(raw)); err != nil {
		s.fail(errTime)
	}
}

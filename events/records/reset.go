package records

// How a record is emptied, to be used for the next line.

func (r *Row) reset() {
	clear(r.Fields)
	clear(r.Cells)
	*r = Row{Fields: r.Fields, Cells: r.Cells[:0]}
}

func (r *RejectedRow) reset() { *r = RejectedRow{} }
func (v *Verdict) reset()     { *v = Verdict{} }
func (o *Outcome) reset()     { *o = Outcome{} }

package standing

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"net/http"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/events/security"
	"rollcall.example/services/api/rest"
	"rollcall.example/services/pdf"
	"rollcall.example/services/wards"
)

// Register sends the attendance register of a ward that has reached its target: those of
// its registered members who lie in the area of the person.
func (d Desk) Register(w http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	ward := r.PathValue("ward")
	if !wards.IsCode(ward) {
		return nil, refusal.New(refusal.CodeBadRequest, "The ward must be its code of 8 digits.")
	}
	end, err := d.Downloads.Begin(who.ID)
	if err != nil {
		return nil, err
	}
	defer end()
	ctx, cancel, explain := rest.LimitMaking(r)
	defer cancel()
	q := wards.Query{Ward: ward}
	if q.Bounds, err = d.boundsOf(ctx, who); err != nil {
		return nil, explain(err)
	}
	s, err := d.Wards.Stand(ctx, q)
	switch {
	case err != nil:
		return nil, explain(err)
	case len(s.Wards) == 0 || !s.Wards[0].Reached:
		return nil, &refusal.Error{Code: refusal.CodeNotAllowed,
			Message: "The ward has not reached its target in your area, so there is no register for a meeting.",
			Details: map[string]any{"registered": s.Total.Registered, "target": d.Wards.Target()}}
	case s.Wards[0].Registered > pdf.MaxAttendees:
		return nil, &refusal.Error{Code: refusal.CodeNotAllowed,
			Message: fmt.Sprintf("The ward has more than the %d members that a register may have.", pdf.MaxAttendees)}
	}
	found := s.Wards[0]
	at := d.Now()
	var file bytes.Buffer // some hundred KB
	head := pdf.Register{Ward: ward, SubRegion: found.SubRegion, Municipality: found.Municipality,
		Province: found.Province, Registered: found.Registered, Target: found.Target, At: at}
	if err := head.Write(&file, d.attendees(ctx, q)); err != nil {
		return nil, explain(err)
	}
	read := events.Access{Ward: ward, What: events.AccessRegister, At: at.UTC(), By: who.User,
		From: security.ClientAddress(r, d.TrustedProxies)}
	if err := d.RecordReading(r, read); err != nil {
		return nil, err
	}
	d.Logger.InfoContext(r.Context(), "register read", "ward", ward, "user", who.ID)
	d.SendPDF(w, r, "register "+ward+" "+at.In(events.SouthAfrica).Format("2006-01-02")+".pdf", file.Bytes())
	return nil, nil
}

// attendees are the lines of a register.
func (d Desk) attendees(ctx context.Context, q wards.Query) iter.Seq2[pdf.Attendee, error] {
	return func(yield func(pdf.Attendee, error) bool) {
		for m, err := range d.Wards.Members(ctx, q.Ward, q.Bounds) {
			if !yield(pdf.Attendee{Name: m.Name, MaskedID: events.MaskID(m.IDNumber), VD: m.VD}, err) {
				return
			}
		}
	}
}

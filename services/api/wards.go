package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/refusal"
	"rollcall.example/services/csvfile"
	"rollcall.example/services/upload"
	"rollcall.example/services/wards"
)

// wardDesk are the handlers of where the organisation stands. Everybody sees members of
// their area only.
type wardDesk struct{ *API }

// standing is where the organisation stands.
type standing struct {
	AsOf   time.Time `json:"as_of"`
	Target int       `json:"target"`
	// BelowTarget says that the wards that have reached the target are left out of wards.
	BelowTarget bool   `json:"below_target"`
	JobID       string `json:"job_id,omitempty"`
	*wards.Standing
}

// stand tells where the organisation stands, or stood, by ward, municipality and province.
func (d wardDesk) stand(w http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	q, err := d.queryOf(r, who)
	if err != nil {
		return nil, err
	}
	if q.At, err = timeParameter(r, "as_of", true); err != nil {
		return nil, err
	}
	answer := standing{AsOf: q.At, Target: d.cfg.Wards.Target(), JobID: r.URL.Query().Get("job_id")}
	if q.At.IsZero() || q.At.After(d.cfg.Now()) {
		answer.AsOf = d.cfg.Now()
	}
	answer.AsOf = answer.AsOf.UTC()
	if answer.BelowTarget, err = boolParameter(r, "below_target"); err != nil {
		return nil, err
	}
	if q.JobID = answer.JobID; q.JobID != "" {
		if _, err := d.load(r.Context(), q.JobID, who); err != nil {
			return nil, err
		}
	}
	format := r.URL.Query().Get("format")
	if format != "" && format != "json" && format != "csv" {
		return nil, badParameter("format", "%q must be json or csv.")
	}
	if answer.Standing, err = d.cfg.Wards.Stand(r.Context(), q); err != nil {
		return nil, err
	}
	if answer.BelowTarget {
		answer.Wards = wards.BelowTarget(answer.Wards)
	}
	if format == "csv" {
		return nil, d.sendStanding(w, r, &answer)
	}
	return &result{message: fmt.Sprintf("%d members in %d wards.", answer.Total.Members, answer.Total.Wards),
		data: answer}, nil
}

// sendStanding sends the wards as a text of comma-separated values.
func (d wardDesk) sendStanding(w http.ResponseWriter, r *http.Request, s *standing) error {
	w.Header().Set("Content-Type", csvfile.MediaType)
	w.Header().Set("Content-Disposition", attachment("wards "+s.AsOf.In(events.SouthAfrica).Format(time.DateOnly)+".csv"))
	if r.Method == http.MethodHead {
		return nil
	}
	to := bufio.NewWriterSize(w, 32<<10)
	rows := csvfile.NewWriter(to)
	if err := errors.Join(s.WriteCSV(rows), rows.Flush(), to.Flush()); err != nil {
		d.breakOff(r, "wards", err)
	}
	return nil
}

// maxPoints is over how many times a course may go.
const maxPoints = 400

// course tells where the organisation stood over time.
func (d wardDesk) course(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	q, err := d.queryOf(r, who)
	if err != nil {
		return nil, err
	}
	from, err := timeParameter(r, "from", false)
	if err != nil {
		return nil, err
	}
	to, err := timeParameter(r, "to", true)
	if err != nil {
		return nil, err
	}
	now := d.cfg.Now()
	if to.IsZero() || to.After(now) {
		to = now
	}
	if from.IsZero() {
		from = to.AddDate(-1, 0, 0)
	}
	if !from.Before(to) {
		return nil, badParameter("to", "%q must not be before from.")
	}
	step := r.URL.Query().Get("step")
	times, known := wards.Times(from, to, step)
	switch {
	case !known:
		return nil, badParameter("step", "%q must be day, week or month.")
	case len(times) > maxPoints:
		return nil, badParameter("step", fmt.Sprintf("With this %%q there would be %d times, and at most %d are possible.",
			len(times), maxPoints))
	}
	points, err := d.cfg.Wards.Course(r.Context(), q, times)
	if err != nil {
		return nil, err
	}
	return &result{message: fmt.Sprintf("%d times.", len(points)), data: map[string]any{
		"target": d.cfg.Wards.Target(), "points": points,
	}}, nil
}

// queryOf reads which part of the organisation is asked for, within the area of the person.
func (d wardDesk) queryOf(r *http.Request, who caller) (q wards.Query, err error) {
	if q.Bounds, err = boundsOf(r.Context(), d.API, who); err != nil {
		return q, err
	}
	query := r.URL.Query()
	if text := query.Get("province"); text != "" {
		known := false
		if q.Province, known = access.ProvinceCode(text); !known {
			return q, badParameter("province", "%q must be one of the nine provinces, by code or name.")
		}
	}
	q.Municipality = access.MunicipalityCode(query.Get("municipality"))
	if q.Ward = query.Get("ward"); q.Ward != "" && !wards.IsCode(q.Ward) {
		return q, badParameter("ward", "%q must be a ward's code of 8 digits.")
	}
	return q, nil
}

// boundsOf returns the area of the person, with the wards that are known to lie in it.
func boundsOf(ctx context.Context, a *API, who caller) (*access.Bounds, error) {
	area, err := upload.WithWards(ctx, a.cfg.Upload, who.Area)
	if err != nil {
		return nil, err
	}
	return access.NewBounds(area), nil
}

// boolParameter returns a truth value of the query, false where there is none.
func boolParameter(r *http.Request, name string) (bool, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return false, nil
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		return false, &refusal.Error{Code: refusal.CodeBadRequest, Message: name + " must be true or false.",
			Details: map[string]any{"parameter": name}}
	}
	return value, nil
}

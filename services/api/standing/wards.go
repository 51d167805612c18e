package standing

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/services/api/rest"
	"rollcall.example/services/csvfile"
	"rollcall.example/services/upload"
	"rollcall.example/services/wards"
)

// standing is where the organisation stands.
type standing struct {
	AsOf   time.Time `json:"as_of"`
	Target int       `json:"target"`
	// BelowTarget says that the wards that have reached the target are left out of wards.
	BelowTarget bool   `json:"below_target"`
	JobID       string `json:"job_id,omitempty"`
	*wards.Standing
}

// Stand tells where the organisation stands, or stood, by ward, municipality and province.
func (d Desk) Stand(w http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	q, err := d.queryOf(r, who)
	if err != nil {
		return nil, err
	}
	if q.At, err = rest.TimeParameter(r, "as_of", true); err != nil {
		return nil, err
	}
	answer := standing{AsOf: q.At, Target: d.Wards.Target(), JobID: r.URL.Query().Get("job_id")}
	if q.At.IsZero() || q.At.After(d.Now()) {
		answer.AsOf = d.Now()
	}
	answer.AsOf = answer.AsOf.UTC()
	if answer.BelowTarget, err = rest.BoolParameter(r, "below_target"); err != nil {
		return nil, err
	}
	if q.JobID = answer.JobID; q.JobID != "" {
		if _, err := d.Load(r.Context(), q.JobID, who); err != nil {
			return nil, err
		}
	}
	format := r.URL.Query().Get("format")
	if format != "" && format != "json" && format != "csv" {
		return nil, rest.BadParameter("format", "%q must be json or csv.")
	}
	if answer.Standing, err = d.Wards.Stand(r.Context(), q); err != nil {
		return nil, err
	}
	if answer.BelowTarget {
		answer.Wards = wards.BelowTarget(answer.Wards)
	}
	if format == "csv" {
		return nil, d.sendStanding(w, r, &answer)
	}
	return &rest.Result{Message: fmt.Sprintf("%d members in %d wards.", answer.Total.Members, answer.Total.Wards),
		Data: answer}, nil
}

// sendStanding sends the wards as a text of comma-separated values.
func (d Desk) sendStanding(w http.ResponseWriter, r *http.Request, s *standing) error {
	w.Header().Set("Content-Type", csvfile.MediaType)
	name := "wards " + s.AsOf.In(events.SouthAfrica).Format(time.DateOnly) + ".csv"
	w.Header().Set("Content-Disposition", rest.Attachment(name))
	if r.Method == http.MethodHead {
		return nil
	}
	to := bufio.NewWriterSize(w, 32<<10)
	rows := csvfile.NewWriter(to)
	if err := errors.Join(s.WriteCSV(rows), rows.Flush(), to.Flush()); err != nil {
		d.BreakOff(r, "wards", err)
	}
	return nil
}

// maxPoints is over how many times a course may go.
const maxPoints = 400

// Course tells where the organisation stood over time.
func (d Desk) Course(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	q, err := d.queryOf(r, who)
	if err != nil {
		return nil, err
	}
	from, err := rest.TimeParameter(r, "from", false)
	if err != nil {
		return nil, err
	}
	to, err := rest.TimeParameter(r, "to", true)
	if err != nil {
		return nil, err
	}
	now := d.Now()
	if to.IsZero() || to.After(now) {
		to = now
	}
	if from.IsZero() {
		from = to.AddDate(-1, 0, 0)
	}
	if !from.Before(to) {
		return nil, rest.BadParameter("to", "%q must not be before from.")
	}
	step := r.URL.Query().Get("step")
	times, known := wards.Times(from, to, step)
	switch {
	case !known:
		return nil, rest.BadParameter("step", "%q must be day, week or month.")
	case len(times) > maxPoints:
		return nil, rest.BadParameter("step", fmt.Sprintf(
			"With this %%q there would be %d times, and at most %d are possible.", len(times), maxPoints))
	}
	points, err := d.Wards.Course(r.Context(), q, times)
	if err != nil {
		return nil, err
	}
	return &rest.Result{Message: fmt.Sprintf("%d times.", len(points)), Data: map[string]any{
		"target": d.Wards.Target(), "points": points,
	}}, nil
}

// queryOf reads which part of the organisation is asked for, within the area of the person.
func (d Desk) queryOf(r *http.Request, who rest.Caller) (q wards.Query, err error) {
	if q.Bounds, err = d.boundsOf(r.Context(), who); err != nil {
		return q, err
	}
	query := r.URL.Query()
	if text := query.Get("province"); text != "" {
		known := false
		if q.Province, known = access.ProvinceCode(text); !known {
			return q, rest.BadParameter("province", "%q must be one of the nine provinces, by code or name.")
		}
	}
	q.Municipality = access.MunicipalityCode(query.Get("municipality"))
	if q.Ward = query.Get("ward"); q.Ward != "" && !wards.IsCode(q.Ward) {
		return q, rest.BadParameter("ward", "%q must be a ward's code of 8 digits.")
	}
	return q, nil
}

// boundsOf returns the area of the person, with the wards that are known to lie in it.
func (d Desk) boundsOf(ctx context.Context, who rest.Caller) (*access.Bounds, error) {
	area, err := upload.WithWards(ctx, d.Upload, who.Area)
	if err != nil {
		return nil, err
	}
	return access.NewBounds(area), nil
}

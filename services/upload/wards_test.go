package upload_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/services/api/apitest"
)

// The wards of an area are part of the fact, as they were known at the upload.
func TestTheFactNamesTheWardsOfItsArea(t *testing.T) {
	known, failure := []string{"79800001", "79800002"}, error(nil)
	r := newRig(t, func(c *apitest.Config) {
		c.Upload.Wards = func(_ context.Context, area events.Area) ([]string, error) {
			if area.Level != events.AreaProvince {
				return nil, nil
			}
			return known, failure
		}
	})
	job, err := r.Log.Load(t.Context(), r.Upload("alice member"))
	if err != nil {
		t.Fatal(err)
	}
	file := job.Uploaded.File
	begin := func(area events.Area) (events.Job, error) {
		fact := &events.Uploaded{Owner: events.User{ID: "bob", Role: "member"}, FileName: "a.xlsx", File: file, Area: &area}
		fact.JobID = events.NewJobID()
		return r.Intake.Begin(t.Context(), fact)
	}
	gauteng := events.Area{Level: events.AreaProvince, Codes: []string{"GP"}}
	if job, err := begin(gauteng); err != nil || !slices.Equal(job.Area().Wards, known) {
		t.Errorf("%+v, %v", job.Area(), err)
	}
	if job, err := begin(events.Country()); err != nil || job.Area().Wards != nil {
		t.Errorf("the country: %+v, %v", job.Area(), err)
	}
	failure = errors.New("no connection")
	_, err = begin(gauteng)
	if refused, ok := errors.AsType[*refusal.Error](err); !ok || refused.Code != refusal.CodeBusy {
		t.Errorf("without the directory: %v", err)
	}
}

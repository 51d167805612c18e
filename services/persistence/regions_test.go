package persistence

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/services/wards"
)

// mapWards loads a mapping, given as pairs of ward and sub-region.
func (w *fixture) mapWards(pairs ...string) {
	w.t.Helper()
	var list []wards.Region
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, wards.Region{Ward: pairs[i], SubRegion: pairs[i+1]})
	}
	if err := wards.Replace(w.t.Context(), w.db, list); err != nil {
		w.t.Fatal(err)
	}
}

func TestRegionFollowsTheWard(t *testing.T) {
	const soweto, sandton, rural = "79800001", "79800002", "93400001"
	in := func(ward string) records.Verdict { return registered(ward, "32840123") }
	for name, c := range map[string]struct {
		before *person // a member already
		row    person
		region string
		result string
	}{
		"the file's ward": {row: newPerson(1, unverified, "ward", soweto), region: "Soweto",
			result: records.Inserted},
		"the IEC's ward": {row: newPerson(1, in(soweto)), region: "Soweto",
			result: records.Inserted},
		"the file's ward before the IEC's": {row: newPerson(1, in(sandton), "ward", soweto), region: "Soweto",
			result: records.Inserted},
		"a file's unmapped ward":      {row: newPerson(1, in(soweto), "ward", rural), result: records.Inserted},
		"an unmapped ward of the IEC": {row: newPerson(1, in(rural)), result: records.Inserted},
		"no ward":                     {row: newPerson(1, unverified), result: records.Inserted},
		"a region in the file wins": {row: newPerson(1, in(soweto), "ward", soweto, "region", "Other"),
			region: "Other", result: records.Inserted},
		"an empty region is none": {row: newPerson(1, unverified, "ward", soweto, "region", ""),
			region: "Soweto", result: records.Inserted},
		"a member gets a region": {before: new(newPerson(1, in(rural), "ward", rural)),
			row: newPerson(1, in(soweto), "ward", soweto), region: "Soweto", result: records.Updated},
		"a member of another ward": {before: new(newPerson(1, in(soweto), "ward", soweto)),
			row: newPerson(1, in(sandton), "ward", sandton), region: "Sandton", result: records.Updated},
		"a blank cell takes no region": {before: new(newPerson(1, in(rural), "ward", rural, "region", "Own")),
			row: newPerson(1, in(rural), "ward", rural), region: "Own", result: records.Unchanged},
		"an unmapped ward takes no region": {before: new(newPerson(1, in(soweto), "ward", soweto)),
			row: newPerson(1, in(rural), "ward", rural), region: "Soweto", result: records.Updated},
		"the ward of an earlier file": {before: new(newPerson(1, in(soweto), "ward", soweto)),
			row: newPerson(1, in(sandton)), region: "Soweto", result: records.Updated},
		"the ward of an earlier verdict": {before: new(newPerson(1, in(soweto), "region", "Other")),
			row: newPerson(1, unverified), region: "Soweto", result: records.Updated},
		"a verdict without a ward": {before: new(newPerson(1, in(soweto), "region", "Other")),
			row: newPerson(1, records.Verdict{Status: records.NotRegistered, At: noon}), region: "Other",
			result: records.Updated},
		"the same again changes nothing": {before: new(newPerson(1, in(soweto), "ward", soweto)),
			row: newPerson(1, in(soweto), "ward", soweto), region: "Soweto", result: records.Unchanged},
		"a file's region over a mapped one": {before: new(newPerson(1, in(soweto), "ward", soweto)),
			row: newPerson(1, in(soweto), "ward", soweto, "region", "Other"), region: "Other", result: records.Updated},
		"a ward that is refused has no part": {before: new(newPerson(1, in(soweto), "ward", soweto)),
			row: newPerson(1, in(sandton), "ward", "7980"), region: "Soweto", result: records.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			w.mapWards(soweto, "Soweto", sandton, "Sandton")
			was := ""
			if c.before != nil {
				w.upload(*c.before)
				was = w.member(1)["region"]
			}
			o := w.upload(c.row)[0]
			if o.Result != c.result {
				t.Errorf("outcome %+v", o)
			}
			w.expectMember(1, map[string]string{"region": c.region})
			if c.before != nil && slices.Contains(o.Changed, "region") != (was != c.region) {
				t.Errorf("region was %q: outcome %+v", was, o)
			}
		})
	}
}

// Without a mapping a member has the region that the file names, or none. A new
// mapping takes effect with the next upload. Without it, an earlier region stays.
func TestRegionsFollowTheMapping(t *testing.T) {
	w := newFixture(t)
	list := []person{
		newPerson(1, registered("79800001", "32840123"), "ward", "79800001"),
		newPerson(2, registered("79800001", "32840123"), "ward", "79800001", "region", "Own"),
	}
	for _, step := range []struct {
		mapping []string
		result  string // of the first; the second has a region of its own
		region  string
	}{
		{nil, records.Inserted, ""},
		{nil, records.Unchanged, ""},
		{[]string{"79800001", "Soweto"}, records.Updated, "Soweto"},
		{[]string{"79800001", "Soweto"}, records.Unchanged, "Soweto"},
		{[]string{"79800001", "Soweto West"}, records.Updated, "Soweto West"},
		{nil, records.Unchanged, "Soweto West"},
	} {
		w.mapWards(step.mapping...)
		w.clock = w.clock.Add(time.Hour)
		got := w.upload(list...)
		if got[0].Result != step.result || (step.result == records.Updated &&
			!slices.Equal(got[0].Changed, []string{"region"})) {
			t.Errorf("mapping %q: %+v", step.mapping, got[0])
		}
		if step.result != records.Inserted && got[1].Result != records.Unchanged {
			t.Errorf("mapping %q: %+v", step.mapping, got[1])
		}
		w.expectMember(1, map[string]string{"region": step.region})
		w.expectMember(2, map[string]string{"region": "Own"})
	}
}

// If a mapping is loaded while a job writes, the recorded and the stored region
// are still the same.
func TestMappingLoadedMeanwhileChangesNothing(t *testing.T) {
	w := newFixture(t)
	w.mapWards("79800001", "Soweto")
	w.upload(newPerson(1, unverified, "firstname", "Old"))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	loaded := false
	job := newJob(1, events.Options{})
	list := []person{newPerson(1, unverified, "firstname", "New", "ward", "79800001")}
	err := w.mergePeople(ctx, job, numberRows(list), func(_ int, message string) {
		if message == "Writing members" {
			loaded = true
			w.mapWards("79800001", "Sandton")
		}
	}, func(*sqlx.Tx, bool) error { return nil })
	if err != nil || !loaded {
		t.Fatalf("loaded %v, %v", loaded, err)
	}
	w.expectMember(1, map[string]string{"region": "Soweto"})
	var recorded string
	if err := w.db.Get(&recorded, `SELECT after->>'region' FROM job_outcomes WHERE job_id = $1`, job.ID); err != nil ||
		recorded != "Soweto" {
		t.Errorf("recorded %q, %v", recorded, err)
	}
}

package mappings_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"rollcall.example/events/eventstest"
	"rollcall.example/events/mappings"
	"rollcall.example/events/refusal"
)

// Saves that come at once all count, and none goes beyond the limit.
func TestSavesAtOnceKeepTheLimit(t *testing.T) {
	js := eventstest.Connect(t, eventstest.Start(t), "upload")
	store := mappings.NewStore(js, nil)
	m := mappings.Mapping{{Header: "Qwx", Field: "surname"}}
	for i := range mappings.MaxSaved - 2 {
		if _, err := store.Save(t.Context(), "alice", fmt.Sprint(i), m); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	start, errs := make(chan bool), make([]error, 4)
	for i := range errs {
		wg.Go(func() {
			<-start
			_, errs[i] = store.Save(t.Context(), "alice", fmt.Sprint("more", i), m)
		})
	}
	close(start)
	wg.Wait()
	refused := 0
	for _, err := range errs {
		if r, ok := errors.AsType[*refusal.Error](err); ok && r.Code == refusal.CodeTooManyMappings {
			refused++
		} else if err != nil {
			t.Error(err)
		}
	}
	list, err := store.List(t.Context(), "alice")
	if err != nil || len(list) != mappings.MaxSaved || refused != 2 {
		t.Errorf("%d mappings, %d refused, %v", len(list), refused, err)
	}
}

func TestAMappingKeepsItsOrder(t *testing.T) {
	const text = `{"b":"surname","a":null,"<c>":"age"}`
	m, err := mappings.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(m)
	var again mappings.Mapping
	if err == nil {
		err = json.Unmarshal(body, &again)
	}
	if err != nil || !slices.Equal(m, again) || len(m) != 3 || m[0].Header != "b" || m[1].Field != "" {
		t.Errorf("%s, %+v, %v", body, again, err)
	}
}

func TestTheBestMappingSaysMost(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	one := mappings.Mapping{{Header: "a"}}
	two := mappings.Mapping{{Header: "a"}, {Header: "b"}}
	list := []mappings.Saved{
		{Name: "one", Mapping: one, SavedAt: now.Add(time.Hour)}, {Name: "two", Mapping: two, SavedAt: now},
		{Name: "newer", Mapping: two, SavedAt: now.Add(time.Minute)},
	}
	best, ok := mappings.Best(list, func(mappings.Mapping) bool { return true })
	if !ok || best.Name != "newer" {
		t.Errorf("%+v", best)
	}
	if _, ok := mappings.Best(list, func(mappings.Mapping) bool { return false }); ok {
		t.Error("one that does not fit is the best")
	}
}

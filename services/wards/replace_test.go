package wards

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/jmoiron/sqlx"

	"rollcall.example/services/postgres/postgrestest"
)

func readStored(t *testing.T, db *sqlx.DB) (list []Region) {
	t.Helper()
	if err := db.Select(&list, `SELECT ward_code AS ward, coalesce(sub_region, '') AS subregion,
  coalesce(municipality, '') AS municipality, coalesce(province, '') AS province
FROM ward_regions ORDER BY 1`); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestReplace(t *testing.T) {
	db := postgrestest.New(t)
	for _, list := range [][]Region{
		{{Ward: "79800001", SubRegion: "Soweto"}, {Ward: "79800002", SubRegion: "O'Hara, \"East\" {NULL}"}},
		{{Ward: "79800002", SubRegion: "Sandton"}, {Ward: "79800003", SubRegion: "NULL"}},
		{{Ward: "79800002", Municipality: "JHB", Province: "GP"}, {Ward: "79800004", SubRegion: "A", Province: "GP"}},
		nil,
		{{Ward: "79800009", SubRegion: "Midrand"}},
	} {
		if err := Replace(t.Context(), db, list); err != nil {
			t.Fatal(err)
		}
		if got := readStored(t, db); !slices.Equal(got, list) {
			t.Fatalf("got %q, want %q", got, list)
		}
	}
	// What the table refuses leaves the earlier mapping in place.
	for _, list := range [][]Region{
		{{Ward: "79800001", SubRegion: "A"}, {Ward: "79800001", SubRegion: "B"}},
		{{Ward: "798", SubRegion: "A"}},
		{{Ward: "79800001", SubRegion: ""}},
	} {
		if err := Replace(t.Context(), db, list); err == nil {
			t.Errorf("%q was stored", list)
		}
		if got := readStored(t, db); !slices.Equal(got, []Region{{Ward: "79800009", SubRegion: "Midrand"}}) {
			t.Fatalf("got %q", got)
		}
	}
}

func TestOneOfSeveralImportsWins(t *testing.T) {
	db := postgrestest.New(t)
	const importers, size = 6, 200
	lists := make([][]Region, importers)
	release := make(chan struct{})
	var all sync.WaitGroup
	for k := range importers {
		for i := range size {
			lists[k] = append(lists[k], Region{Ward: fmt.Sprint(79800000 + i), SubRegion: fmt.Sprint("Region ", k)})
		}
		all.Go(func() {
			<-release
			if err := Replace(t.Context(), db, lists[k]); err != nil {
				t.Errorf("import %d: %v", k, err)
			}
		})
	}
	close(release)
	all.Wait()
	got := readStored(t, db)
	if !slices.ContainsFunc(lists, func(list []Region) bool { return slices.Equal(got, list) }) {
		t.Fatalf("%d wards, of no one import", len(got))
	}
}

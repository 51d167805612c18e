package client_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rollcall.example/events/refusal"
	"rollcall.example/gateway/client"
)

func TestRowsAreAskedForByTheirFilters(t *testing.T) {
	c := restClient(t, client.Config{}, func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.String(), apiBase)
		if want := "/jobs/job-1/rows?code=checksum&cursor=abc&limit=2&q=nkosi&status=invalid%2Cduplicate"; path != want {
			t.Errorf("asked for %s", path)
		}
		if r.Header.Get("Accept") == string(client.RowsCSV) {
			_, err := io.WriteString(w, "row,status\r\n")
			if err != nil {
				t.Error(err)
			}
			return
		}
		answer(t, w, map[string]any{"total": 7, "next_cursor": "def",
			"rows": []map[string]any{{"row": 4, "status": "invalid", "codes": []string{"checksum"}}}})
	})
	q := client.RowQuery{Statuses: []string{"invalid", "duplicate"}, Codes: []string{"checksum"}, Search: "nkosi",
		Cursor: "abc", Limit: 2}
	page, err := c.Rows(t.Context(), "job-1", q)
	if err != nil || page.Total != 7 || page.Next != "def" || len(page.Rows) != 1 || page.Rows[0].Row != 4 ||
		page.Rows[0].Codes[0] != "checksum" {
		t.Errorf("%+v, %v", page, err)
	}
	var text strings.Builder
	err = c.WriteRows(t.Context(), "job-1", q, client.RowsCSV, &text)
	if err != nil || text.String() != "row,status\r\n" {
		t.Errorf("%q, %v", text.String(), err)
	}
}

func TestRowsAreRefused(t *testing.T) {
	c := restClient(t, client.Config{}, func(w http.ResponseWriter, _ *http.Request) {
		e := refusal.New(refusal.CodeCursorOutdated, "Begin again.")
		if err := e.Write(w, time.Now()); err != nil {
			t.Error(err)
		}
	})
	_, err := c.Rows(t.Context(), "job-1", client.RowQuery{})
	for _, err := range []error{err, c.WriteRows(t.Context(), "job-1", client.RowQuery{}, client.RowsNDJSON, io.Discard)} {
		if e, ok := errors.AsType[*refusal.Error](err); !ok || e.Code != refusal.CodeCursorOutdated {
			t.Errorf("%v", err)
		}
	}
}

// A stream that breaks off is not all there is.
func TestRowsThatBreakOffAreAnError(t *testing.T) {
	c := restClient(t, client.Config{}, func(w http.ResponseWriter, _ *http.Request) {
		if _, err := io.WriteString(w, strings.Repeat("row\r\n", 10_000)); err != nil {
			t.Error(err)
		}
		panic(http.ErrAbortHandler)
	})
	if err := c.WriteRows(t.Context(), "job-1", client.RowQuery{}, client.RowsCSV, io.Discard); err == nil {
		t.Error("no error")
	}
}

func TestASheetIsSavedAsText(t *testing.T) {
	c := restClient(t, client.Config{}, func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); q.Get("part") != "invalid_ids" || q.Get("format") != "csv" {
			t.Errorf("asked for %s", r.URL)
		}
		if _, err := io.WriteString(w, "a,b\r\n"); err != nil {
			t.Error(err)
		}
	})
	file := filepath.Join(t.TempDir(), "sheet.csv")
	if err := c.Save(t.Context(), "job-1", client.Sheet("invalid_ids"), file); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "a,b\r\n" {
		t.Errorf("%q, %v", text, err)
	}
}

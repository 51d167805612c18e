package rows

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
	"rollcall.example/events/refusal"
)

// show is a list as a test compares it: number, status and all statuses of each row.
func show(list []Row) string {
	var b strings.Builder
	for _, row := range list {
		fmt.Fprintf(&b, "%d %s %s %s %s\n", row.N, row.Status, strings.Join(row.Statuses, "+"), row.Outcome,
			strings.Join(row.Codes, "+"))
	}
	return b.String()
}

func TestRowsSayWhatIsKnownSoFar(t *testing.T) {
	r := newRig(t)
	r.small()
	want := "2 valid valid none \n3 valid valid none bad_date\n4 invalid invalid none checksum\n" +
		"5 duplicate duplicate none duplicate\n6 valid valid none \n7 valid valid none \n8 objected objected none objected\n"
	if got := show(r.list("", 0)); got != want {
		t.Errorf("validated:\n%s", got)
	}
	r.smallVerdicts()
	want = "2 different_ward valid+registered+different_ward none \n3 deceased valid+deceased none bad_date\n" +
		"4 invalid invalid none checksum\n5 duplicate duplicate none duplicate\n" +
		"6 unverified valid+unverified none timeout\n" +
		"7 registered valid+registered none \n8 objected objected none objected\n"
	if got := show(r.list("", 0)); got != want {
		t.Errorf("verified:\n%s", got)
	}
	r.smallOutcomes()
	want = "2 inserted valid+registered+different_ward+inserted inserted \n" +
		"3 updated valid+deceased+updated updated bad_date\n" +
		"4 invalid invalid none checksum\n5 duplicate duplicate none duplicate\n" +
		"6 refused valid+unverified+refused refused timeout\n7 transfer valid+transfer transfer \n" +
		"8 objected objected none objected\n"
	if got := show(r.list("", 0)); got != want {
		t.Errorf("persisted:\n%s", got)
	}
	x, done, err := r.reader.Open(t.Context(), r.job)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if c := x.Counts(); x.Total() != 7 || c[Valid] != 4 || c[Invalid] != 1 || c[records.Transfer] != 1 {
		t.Errorf("%d rows, %v", x.Total(), c)
	}
}

func TestNoRowShowsAWholeIDNumber(t *testing.T) {
	r := newRig(t)
	r.small()
	r.smallVerdicts()
	r.smallOutcomes()
	list := r.list("", 0)
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"8001015009087", "8001015009086", "8506155000084", "9001010001088", "5009087"} {
		if strings.Contains(string(text), id) {
			t.Errorf("%s in %s", id, text)
		}
	}
	if list[0].ID != "800101*****87" || list[2].ID != "800101*****86" || list[3].ID != "800101*****87" ||
		list[6].ID != "" {
		t.Errorf("%+v", list)
	}
	if list[1].Name != "René Müller" || list[4].Name != "Sipho Dlamini" || list[2].Name != "Anna Botha" {
		t.Errorf("%+v", list)
	}
}

// Of a row that waits, and of one unknown to a job of a part of the country, nobody
// learns what the IEC said; nor of any before it is known which rows wait.
func TestWithheldAnswersAreInNoIndex(t *testing.T) {
	r := newRig(t)
	area := events.Area{Level: events.AreaWard, Codes: []string{"79800001"}}
	r.job.Uploaded.Area = &area
	r.small()
	r.smallVerdicts()
	for _, row := range r.list("", 0) {
		if row.Status != Valid && len(row.Codes) == 0 {
			t.Errorf("before the outcomes are known: %+v", row)
		}
	}
	query := "status=deceased,unverified,different_ward,registered&status=not_registered"
	if got := numbers(r.list(query, 0)); got != nil {
		t.Errorf("found %v by what may not be shown", got)
	}
	r.persist([]records.Outcome{{N: 2, Result: records.Unknown}, {N: 3, Result: records.Transfer},
		{N: 6, Result: records.Inserted}, {N: 7, Result: records.Unknown}})
	if got := numbers(r.list("status=deceased,different_ward,registered", 0)); got != nil {
		t.Errorf("found %v by what may not be shown", got)
	}
	for _, row := range r.list("status=transfer,unknown", 0) {
		if len(row.Statuses) != 2 || row.Statuses[0] != Valid || row.Reason == "" {
			t.Errorf("%+v", row)
		}
	}
	waits, late := numbers(r.list("status=waiting", 0)), numbers(r.list("status=unverified&code=timeout", 0))
	if got := fmt.Sprint(waits, late); got != "[3] [6]" {
		t.Errorf("found %s", got)
	}
}

func TestRowsAreFound(t *testing.T) {
	r := newRig(t)
	r.small()
	r.smallVerdicts()
	r.smallOutcomes()
	for query, want := range map[string]string{
		"q=nkosi":                       "[2 5]",
		"q=NKOSI+thandi":                "[2 5]",
		"q=mull":                        "[3]",
		"q=M%C3%BCller":                 "[3]",
		"q=ren%C3%A9":                   "[3]",
		"q=087":                         "[2 5]",
		"q=5009087":                     "[2 5]",
		"q=09+08-7":                     "[2 5]",
		"q=86":                          "[4]",
		"q=dlamini&status=valid":        "[6]",
		"q=nkosi&status=duplicate":      "[5]",
		"status=valid&status=duplicate": "[2 3 5 6 7]",
		"status=invalid,objected":       "[4 8]",
		"code=bad_date":                 "[3]",
		"code=checksum,duplicate":       "[4 5]",
		"code=no_such_code":             "[]",
		"q=nobody":                      "[]",
	} {
		if got := fmt.Sprint(numbers(r.list(query, 0))); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	if got := fmt.Sprint(numbers(r.list("status=valid", 3))); got != "[6 7]" {
		t.Errorf("after row 3: %s", got)
	}
}

// An address is logged on its way, so no ID number may stand in one.
func TestAWholeIDNumberIsNotSearchedFor(t *testing.T) {
	for _, q := range []string{"8001015009087", "800101 5009 087", "80010150", "Nkosi 8001015009087", "ID8001015009086",
		"٨٠٠١٠١٥٠٠٩٠٨٧", strings.Repeat("x", 101), "\xff"} {
		_, err := ParseFilter(url.Values{"q": {q}})
		refused, ok := errors.AsType[*refusal.Error](err)
		if !ok || refused.Code != refusal.CodeBadRequest {
			t.Errorf("%q: %v", q, err)
			continue
		}
		if said := fmt.Sprint(refused.Message, refused.Details, err); strings.Contains(said, q) {
			t.Errorf("%q is repeated: %s", q, said)
		}
	}
	_, err := ParseFilter(url.Values{"status": {"odd"}})
	if refused, ok := errors.AsType[*refusal.Error](err); !ok || !strings.Contains(refused.Message, "different_ward") {
		t.Errorf("no such status: %v", err)
	}
}

func TestCursorsBelongToOneList(t *testing.T) {
	job := &events.Job{ID: events.NewJobID(), Attempt: 7}
	filter := func(query string) Filter {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		f, err := ParseFilter(q)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := filter("status=valid&code=a,b&q=Nkosi")
	cursor := NewCursor(job, f, 4711)
	if n, err := ParseCursor(job, filter("q=nkosi&code=b&code=a&status=valid"), cursor); n != 4711 || err != nil {
		t.Errorf("row %d, %v", n, err)
	}
	refusedAs := func(job *events.Job, f Filter, cursor, code string) {
		t.Helper()
		_, err := ParseCursor(job, f, cursor)
		if refused, ok := errors.AsType[*refusal.Error](err); !ok || refused.Code != code {
			t.Errorf("%q: %v, want %s", cursor, err, code)
		}
	}
	refusedAs(job, filter("status=valid"), cursor, refusal.CodeBadRequest)
	refusedAs(&events.Job{ID: events.NewJobID(), Attempt: 7}, f, cursor, refusal.CodeBadRequest)
	refusedAs(&events.Job{ID: job.ID, Attempt: 9}, f, cursor, refusal.CodeCursorOutdated)
	for _, bad := range []string{"x", "!", cursor[:len(cursor)-1], cursor + "AA", strings.Repeat("A", 4000)} {
		refusedAs(job, f, bad, refusal.CodeBadRequest)
	}
}

// An erasure changes what an index is made of, and nobody reads the old one any more.
func TestAnErasedPersonIsInNoIndexThatIsOpened(t *testing.T) {
	r := newRig(t)
	r.small()
	if got := fmt.Sprint(numbers(r.list("q=nkosi", 0))); got != "[2 5]" {
		t.Fatalf("found %s", got)
	}
	r.validate([]records.Row{{N: 3, ID: "9001010001088"}}, nil)
	if got := numbers(r.list("q=nkosi", 0)); got != nil {
		t.Errorf("found %v", got)
	}
	if len(r.reader.kept) != 1 {
		t.Errorf("%d indexes are kept", len(r.reader.kept))
	}
}

func TestAnIdleIndexIsForgotten(t *testing.T) {
	r := newRig(t)
	r.small()
	r.reader.keep = time.Millisecond
	r.list("", 0)
	eventstest.Wait(t, "the index to be forgotten", func() bool { return !r.reader.Kept(r.job) })
}

// Whoever waits for an index that somebody else was opening and left makes it.
func TestAnIndexIsOpenedOnceAndByWhoeverStays(t *testing.T) {
	r := newRig(t)
	r.small()
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, _, err := r.reader.Open(gone, r.job); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
	errs := make(chan error)
	for range 8 {
		go func() {
			x, done, err := r.reader.Open(t.Context(), r.job)
			if err == nil {
				defer done()
				if x.Total() != 7 {
					err = fmt.Errorf("%d rows", x.Total())
				}
			}
			errs <- err
		}()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if len(r.reader.kept) != 1 {
		t.Errorf("%d indexes are kept", len(r.reader.kept))
	}
}

// What is stored with the report is read; where it is damaged, it is made again.
func TestTheStoredIndexIsReadAndNotBelieved(t *testing.T) {
	r := newRig(t)
	r.small()
	r.smallVerdicts()
	r.smallOutcomes()
	want := show(r.list("", 0))
	x, done, err := r.reader.Open(t.Context(), r.job)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.file.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	a, err := r.stores["report"].Put(t.Context(), events.BucketReports, r.job.ID+"/index", x.file)
	if err != nil {
		t.Fatal(err)
	}
	done()
	for name, index := range map[string]events.Artifact{
		"stored":  a,
		"altered": {Bucket: a.Bucket, Name: a.Name, Size: a.Size, SHA256: strings.Repeat("0", 64)},
		"missing": {Bucket: a.Bucket, Name: r.job.ID + "/none", Size: 1, SHA256: strings.Repeat("0", 64)},
	} {
		r.reader.Close()
		r.job.Reported = &events.Reported{Index: &index}
		if !r.reader.Kept(r.job) {
			t.Errorf("%s: not kept", name)
		}
		if got := show(r.list("", 0)); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

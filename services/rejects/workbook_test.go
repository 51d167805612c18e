package rejects

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tealeg/xlsx/v3"
	"go.uber.org/goleak"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
	"rollcall.example/services/sheets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, eventstest.IgnoreLeaks()...) }

// store stores records as the stage that makes them does.
func store[T records.Record](
	t *testing.T, srv *embedded.Server, user, bucket, name string, columns []string, write func(func(*T)),
) events.Artifact {
	t.Helper()
	s := events.NewStore(eventstest.Connect(t, srv, user))
	w, err := records.NewWriter[T](s)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	write(func(r *T) {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	})
	a, err := w.Store(t.Context(), s, bucket, "job/"+name, records.Header{Artifact: name, JobID: "job", Columns: columns,
		Fields: map[string]int{"id_number": 0}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func writeTemp(t *testing.T, srv *embedded.Server, job *events.Job) (*os.File, error) {
	t.Helper()
	s := events.NewStore(eventstest.Connect(t, srv, "upload"))
	file, err := s.OpenSpool()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file, Write(t.Context(), s, job, file)
}

// texts returns the rows of a sheet without what follows the last filled cell.
func texts(t *testing.T, sheet *xlsx.Sheet) (rows []string) {
	t.Helper()
	err := sheet.ForEachRow(func(r *xlsx.Row) error {
		var cells []string
		err := r.ForEachCell(func(c *xlsx.Cell) error {
			cells = append(cells, c.Value)
			return nil
		})
		rows = append(rows, strings.TrimRight(strings.Join(cells, "|"), "|"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// Rejected and refused rows stand in the order of the upload, also where there are
// no more of the one kind.
func TestRowsStandInTheOrderOfTheUpload(t *testing.T) {
	srv := eventstest.Start(t)
	columns := []string{"ID", "Name"}
	rejected := func(list ...int) func(func(*records.RejectedRow)) {
		return func(write func(*records.RejectedRow)) {
			for _, n := range list {
				write(&records.RejectedRow{N: n, Message: "bad", Cells: []string{"x", fmt.Sprint(n)}})
			}
		}
	}
	for name, tt := range map[string]struct {
		rejects, rows, refused []int
		want                   string
	}{
		"in turns":       {[]int{3, 6}, []int{2, 4, 5, 7}, []int{4, 7}, "3 4 6 7"},
		"rejected only":  {[]int{3, 6}, []int{2, 4}, nil, "3 6"},
		"refused only":   {nil, []int{2, 4, 5}, []int{2, 5}, "2 5"},
		"refused first":  {[]int{9}, []int{2, 4}, []int{2, 4}, "2 4 9"},
		"rejected first": {[]int{2}, []int{4}, []int{4}, "2 4"},
		"none":           {nil, []int{2}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			job := &events.Job{ID: "job", Uploaded: &events.Uploaded{}, Validated: &events.Validated{
				Rejects: store(t, srv, "validation", events.BucketRows, "rejects", columns, rejected(tt.rejects...)),
				Rows: store(t, srv, "validation", events.BucketRows, "rows", columns, func(write func(*records.Row)) {
					for _, n := range tt.rows {
						write(&records.Row{N: n, Cells: []string{"x", fmt.Sprint(n)}})
					}
				})}}
			refused := map[int]bool{}
			for _, n := range tt.refused {
				refused[n] = true
			}
			job.Persisted = &events.Persisted{Outcomes: store(t, srv, "persistence", events.BucketOutcomes, "outcomes", nil,
				func(write func(*records.Outcome)) {
					for _, n := range tt.rows {
						o := &records.Outcome{N: n, Result: records.Inserted}
						if refused[n] {
							o = &records.Outcome{N: n, Result: records.Refused, Error: "no"}
							if n%2 == 0 {
								o = &records.Outcome{N: n, Result: records.Unknown}
							}
						}
						write(o)
					}
				})}
			file, err := writeTemp(t, srv, job)
			if tt.want == "" {
				if size, _ := file.Seek(0, io.SeekEnd); !errors.Is(err, ErrNone) || size != 0 {
					t.Fatalf("error %v, %d bytes", err, size)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			info, err := file.Stat()
			if err != nil {
				t.Fatal(err)
			}
			book, err := xlsx.OpenReaderAt(file, info.Size())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, line := range texts(t, book.Sheets[0])[1:] {
				cells := strings.Split(line, "|")
				got = append(got, cells[1])
				if want := "Row " + cells[1] + ":"; !strings.HasPrefix(cells[2], want) {
					t.Errorf("reason %q", cells[2])
				}
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("rows %s, want %s", s, tt.want)
			}
		})
	}
}

// A download once took 900 MB.
func TestMakingTheWorkbookTakesLittleMemory(t *testing.T) {
	const rows, most = 8_000, 96 << 20
	srv := eventstest.Start(t)
	columns := make([]string, 64)
	for i := range columns {
		columns[i] = fmt.Sprint("Column ", i)
	}
	random := rand.New(rand.NewPCG(1, 2))
	job := &events.Job{ID: "job", Uploaded: &events.Uploaded{}, Validated: &events.Validated{
		Rows: store(t, srv, "validation", events.BucketRows, "rows", columns, func(write func(*records.Row)) {
			write(&records.Row{N: 2, Cells: []string{"8001015009087"}})
		}),
		Rejects: store(t, srv, "validation", events.BucketRows, "rejects", columns, func(write func(*records.RejectedRow)) {
			cells := make([]string, 64)
			for n := range rows {
				for i := range cells {
					cells[i] = strings.Repeat(fmt.Sprint(random.Uint32()), 20)
				}
				write(&records.RejectedRow{N: n + 3, Code: records.RejectDuplicate, Message: "m", FirstRow: 2, Cells: cells})
			}
		})}}
	// Its bound is that of a file of such a size.
	job.Uploaded.File.Size = 20 << 20
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	stop, peak := make(chan struct{}), make(chan uint64)
	go func() {
		highest := uint64(0)
		for {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			highest = max(highest, now.HeapAlloc)
			select {
			case <-stop:
				peak <- highest
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	began := time.Now()
	file, err := writeTemp(t, srv, job)
	close(stop)
	used := int64(<-peak) - int64(before.HeapAlloc)
	if err != nil {
		t.Fatal(err)
	}
	size, _ := file.Seek(0, io.SeekEnd)
	t.Logf("%d rows, a workbook of %d MB, heap grew by %d MB at most, %s", rows, size>>20, used>>20,
		time.Since(began).Round(time.Millisecond))
	if used > most {
		t.Errorf("the heap grew by %d MB", used>>20)
	}
}

// The bound of the workbook is a refusal, not an empty disk.
func TestAWorkbookOutOfProportionIsRefused(t *testing.T) {
	b, err := newBook(t.TempDir(), 2, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	for n := 0; err == nil && n < 1_000_000; n++ {
		err = b.addRow(row{n, fmt.Sprint(n * 7919), func(func(int, string) bool) {}})
	}
	if !errors.Is(err, sheets.ErrTooLarge) {
		t.Errorf("error %v", err)
	}
}

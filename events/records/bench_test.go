package records

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rollcall.example/events"
)

// The benchmarks write and read 100,000 records of a roll with 20 columns: as
// lines (/lines, and /encoding-json to compare) and as artifacts (/artifact).

const benchRecords = 100_000

// sample makes 10,000 records that differ as people do; the benchmarks repeat
// them.
func sample[T any](make func(r *rand.Rand, i int) T) []T {
	r := rand.New(rand.NewPCG(6, 6))
	list := []T{}
	for i := range 10_000 {
		list = append(list, make(r, i))
	}
	return list
}

func sampleRow(r *rand.Rand, i int) Row {
	word := func() string { return fmt.Sprintf("%c%x", 'A'+r.IntN(26), r.Uint32()) }
	id := fmt.Sprintf("%013d", r.Int64N(1e13))
	cell, ward := fmt.Sprintf("0%09d", r.IntN(1e9)), fmt.Sprint(79800000+r.IntN(150))
	row := Row{N: i + 2, ID: id, Fields: map[string]string{
		"id_number": id, "firstname": word(), "surname": word(),
		"cell_number": "+27" + cell[1:], "landline_number": "+27" + cell[1:],
		"email":               word() + "@example.org",
		"residential_address": fmt.Sprintf("%d %s Street, %s", r.IntN(300), word(), word()),
		"age":                 fmt.Sprint(18 + r.IntN(70)),
		"gender":              "Female", "race": "African", "citizenship": "South African citizen",
		"language": "isiZulu", "occupation": "Teacher", "qualification": "Matric",
		"province": "Gauteng", "region": "Johannesburg", "municipality": "City of Johannesburg",
		"ward": ward, "date_joined": "2024-02-01", "last_payment": "2025-07-14",
	}}
	for _, name := range []string{
		"id_number", "firstname", "surname", "cell_number", "landline_number",
		"email", "residential_address", "age", "gender", "race",
		"citizenship", "language", "occupation", "qualification", "province",
		"region", "municipality", "ward", "date_joined", "last_payment",
	} {
		row.Cells = append(row.Cells, row.Fields[name])
	}
	return row
}

func sampleVerdict(r *rand.Rand, i int) Verdict {
	ward := 79800000 + r.IntN(150)
	return Verdict{
		N: i + 2, Status: Registered, VoterStatus: "REGISTERED",
		Ward: fmt.Sprint(ward), VD: fmt.Sprint(32840000 + r.IntN(1000)),
		Station:          fmt.Sprintf("PRIMARY SCHOOL %d", r.IntN(1000)),
		MunicipalityCode: "JHB", Municipality: "City of Johannesburg", Province: "Gauteng",
		At: time.Unix(1_780_000_000+int64(i), r.Int64N(1e9)).UTC(),
	}
}

func sampleReject(r *rand.Rand, i int) RejectedRow {
	row := sampleRow(r, i)
	return RejectedRow{
		N: i + 2, Code: RejectChecksum, Message: "The ID number's last digit does not fit.",
		Cell: row.ID, Cells: row.Cells,
	}
}

func sampleOutcome(r *rand.Rand, i int) Outcome {
	o := Outcome{N: i + 2, Result: Inserted, VD: fmt.Sprint(32840000 + r.IntN(1000))}
	if i%3 == 0 {
		o.Result, o.Changed = Updated, []string{"vd_code", "ward_code"}
		o.Before, o.After = map[string]string{"ward_code": "79800001"}, map[string]string{"ward_code": "79800002"}
	}
	return o
}

func BenchmarkRecordsEncode(b *testing.B) {
	b.Run("Row", func(b *testing.B) { benchEncode(b, sample(sampleRow)) })
	b.Run("RejectedRow", func(b *testing.B) { benchEncode(b, sample(sampleReject)) })
	b.Run("Verdict", func(b *testing.B) { benchEncode(b, sample(sampleVerdict)) })
	b.Run("Outcome", func(b *testing.B) { benchEncode(b, sample(sampleOutcome)) })
}

func BenchmarkRecordsDecode(b *testing.B) {
	b.Run("Row", func(b *testing.B) { benchDecode(b, sample(sampleRow)) })
	b.Run("RejectedRow", func(b *testing.B) { benchDecode(b, sample(sampleReject)) })
	b.Run("Verdict", func(b *testing.B) { benchDecode(b, sample(sampleVerdict)) })
	b.Run("Outcome", func(b *testing.B) { benchDecode(b, sample(sampleOutcome)) })
}

// measure runs pass b.N times and reports its speed.
func measure(b *testing.B, name string, pass func() error) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := pass(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(benchRecords)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	})
}

func benchEncode[T Record](b *testing.B, list []T) {
	measure(b, "lines", func() (err error) {
		var line []byte
		for i := range benchRecords {
			if line, err = any(&list[i%len(list)]).(record).append(line[:0]); err != nil {
				return err
			}
		}
		return nil
	})
	measure(b, "encoding-json", func() error {
		enc := json.NewEncoder(io.Discard)
		enc.SetEscapeHTML(false)
		for i := range benchRecords {
			if err := enc.Encode(&list[i%len(list)]); err != nil {
				return err
			}
		}
		return nil
	})
	path := b.TempDir() + "/artifact"
	measure(b, "artifact", func() error {
		return writeBench(path, list)
	})
}

// writeBench writes an artifact to a file.
func writeBench[T Record](path string, list []T) (err error) {
	w, err := NewWriter[T](&events.Store{SpoolDir: filepath.Dir(path)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	for i := range benchRecords {
		if err := w.Write(&list[i%len(list)]); err != nil {
			return err
		}
	}
	whole, err := w.finish(Header{Artifact: "bench"})
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, whole)
	return errors.Join(err, file.Close())
}

func benchDecode[T Record](b *testing.B, list []T) {
	lines := make([][]byte, len(list))
	for i := range list {
		line, err := any(&list[i]).(record).append(nil)
		if err != nil {
			b.Fatal(err)
		}
		lines[i] = line
	}
	measure(b, "lines", func() error {
		var s scanner
		for i := range benchRecords {
			if err := s.record(string(lines[i%len(lines)]), any(new(T)).(record)); err != nil {
				return err
			}
		}
		return nil
	})
	measure(b, "encoding-json", func() error {
		for i := range benchRecords {
			if err := json.Unmarshal(lines[i%len(lines)], new(T)); err != nil {
				return err
			}
		}
		return nil
	})
	path := b.TempDir() + "/artifact"
	if err := writeBench(path, list); err != nil {
		b.Fatal(err)
	}
	measure(b, "artifact", func() error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		r, err := newReader[T](f)
		if err != nil {
			return err
		}
		for _, err := range r.All() {
			if err != nil {
				return err
			}
		}
		return r.Close()
	})
}

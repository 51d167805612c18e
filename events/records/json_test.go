package records

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// asJSON returns the line that encoding/json writes for v, without the escapes
// for HTML.
func asJSON(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// someText draws texts that often need escapes and often are not UTF-8.
var someText = rapid.Custom(func(t *rapid.T) string {
	parts := rapid.SliceOfN(rapid.OneOf(
		rapid.String(),
		rapid.StringMatching(`[ -~]{0,20}`),
		rapid.SampledFrom([]string{
			"\xff", "\xed\xa0\x80", "\xf0\x9f", // not UTF-8
			"\u2028", "\u2029", "\ufffd", "\x00", "\x1f", "\x7f", `"`, `\`, "\b\f\n\r\t", "<&>", "é", "😀",
		}),
	), 0, 4).Draw(t, "parts")
	return strings.Join(parts, "")
})

// draw returns a random value of a type.
func draw[T any](t *rapid.T) *T {
	v := new(T)
	fill(t, reflect.ValueOf(v).Elem())
	return v
}

func fill(t *rapid.T, v reflect.Value) {
	if at, ok := v.Addr().Interface().(*time.Time); ok {
		if rapid.Bool().Draw(t, "zero") {
			return
		}
		// Some years are beyond 9999, which JSON cannot hold; some zones have half hours.
		zone := time.FixedZone("", rapid.IntRange(-26*60, 26*60).Draw(t, "zone")*60)
		seconds := rapid.Int64Range(-70_000_000_000, 260_000_000_000).Draw(t, "at")
		*at = time.Unix(seconds, rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).In(zone)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case reflect.String:
		v.SetString(someText.Draw(t, "text"))
	case reflect.Int:
		v.SetInt(int64(rapid.Int().Draw(t, "n")))
	case reflect.Slice:
		if n := rapid.IntRange(-1, 4).Draw(t, "len"); n >= 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				fill(t, v.Index(i))
			}
		}
	case reflect.Map:
		if n := rapid.IntRange(-1, 40).Draw(t, "len"); n >= 0 {
			v.Set(reflect.MakeMap(v.Type()))
			for range n {
				v.SetMapIndex(reflect.ValueOf(someText.Draw(t, "key")), reflect.ValueOf(someText.Draw(t, "value")))
			}
		}
	default:
		panic(fmt.Sprintf("kind %s", v.Kind()))
	}
}

// checkWritten compares the lines of random records with those of
// encoding/json, byte by byte, and then what the two read from the line.
func checkWritten[T Record](t *testing.T) {
	t.Run(fmt.Sprintf("%T", *new(T)), rapid.MakeCheck(func(t *rapid.T) {
		v := draw[T](t)
		want, wantErr := asJSON(v)
		got, err := any(v).(record).append([]byte("before"))
		if (err != nil) != (wantErr != nil) {
			t.Fatalf("error %v, encoding/json's %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if string(got) != "before"+want {
			t.Fatalf("wrote\n%s\nencoding/json\n%s", got, want)
		}
		if err := sameRead[T](want); err != nil {
			t.Fatal(err)
		}
	}))
}

func TestRecordsAreWrittenAsEncodingJSONDoes(t *testing.T) {
	checkWritten[Row](t)
	checkWritten[RejectedRow](t)
	checkWritten[Verdict](t)
	checkWritten[Outcome](t)
}

// sameRead reads a line with the scanner and with encoding/json and says how
// the results differ.
func sameRead[T Record](line string) error {
	var got, want T
	wantErr := json.Unmarshal([]byte(line), &want)
	s := scanner{entries: 3, elements: 3} // as if another line came before
	err := s.record(line, any(&got).(record))
	if (err != nil) != (wantErr != nil) {
		return fmt.Errorf("%T: %q: error %v, encoding/json's %v", got, line, err, wantErr)
	}
	if err == nil && !reflect.DeepEqual(got, want) {
		return fmt.Errorf("%T: %q: read %#v, encoding/json %#v", got, line, got, want)
	}
	return nil
}

// lines are test cases and the seeds of the fuzzing.
var lines = []string{
	`{"n":2,"id":"8001015009087","fields":{"firstname":"Thandi","ward":"79800001"},"cells":["a","",` +
		`"c"],"warnings":[{"field":"email","code":"format","message":"no @"}]}`,
	`{"n":3,"code":"duplicate","message":"m","cell":"c","cells":["x"],"id":"8001015009087",` +
		`"first_row":2,"rows":[2,3],"count":2}`,
	`{"n":2,"status":"registered","ward":"79800001","at":"2026-02-23T08:00:00.5+02:00"}`,
	`{"n":2,"result":"updated","changed":["ward_code"],"before":{"ward_code":"1"},` +
		`"after":{"ward_code":"2"},"vd":"3","error":"e"}`,
	"", " ", "null", " null ", "nul", "nullx", "{}", "{} ", "{}x", "{", "}", "[]", `"x"`, "1", "true", "\x00{}",
	`{"n":null,"id":null,"fields":null,"cells":null,"warnings":null,"at":null,"status":null,` +
		`"rows":null,"changed":null,"before":null}`,
	`{"cells":[null,"a",null],"fields":{"a":null,"b":"c"},"warnings":[null,{}],"rows":[null,1],` +
		`"changed":[],"before":{}}`,
	`{"n":1,"n":2,"id":"a","id":null,"fields":{"a":"1","b":"2"},"fields":{"a":"3"},"cells":["a","b",` +
		`"c"],"cells":["d"],"cells":[null,null],"warnings":[{"field":"f"}],"warnings":[{"code":"c"}]}`,
	`{"rows":[1,2,3],"rows":[4],"rows":[null,null,null,null],"changed":["a","b"],"changed":[null]}`,
	`{"N":1,"ID":"a","Cells":["b"],"FIRST_ROW":2,"\u0130d":"no","Statu\u017f":"kept by folding","` + "\u212a" + `":1}`,
	`{"unknown":{"a":[1,-2.5e+3,"\u00e9",true,false,null,{"b":[]}],"":{}},"n":1}`,
	`{"n":-0}`, `{"n":01}`, `{"n":1.0}`, `{"n":1e2}`, `{"n":-}`, `{"n":9223372036854775807}`,
	`{"n":9223372036854775808}`, `{"n":"1"}`, `{"n":true}`, `{"n":+1}`, `{"x":1.}`, `{"x":.5}`, `{"x":1e}`,
	`{"x":1E-7}`,
	`{"id":"\"\\\/\b\f\n\r\t\u0041\ud83d\ude00\ud83d\u0041\ude00\ud83d"}`, `{"id":"\ud83d\ud83d\ude00"}`, `{"id":"\x"}`,
	`{"id":"\u12g4"}`, `{"id":"\u123"}`, `{"id":"\'"}`, "{\"id\":\"\xff\xed\xa0\x80é\"}", "{\"id\":\"a\tb\"}",
	`{"id":"a`, `{"id":"a\`, `{"id":5}`, "{\"\xff\":1,\"id\\u0000\":2}",
	`{"cells":["a",]}`, `{"cells":[,"a"]}`, `{"cells":["a" "b"]}`, `{"cells":{}}`, `{"n":1,}`, `{,"n":1}`, `{"n" 1}`,
	`{"n":1 "id":"2"}`, `{n:1}`, `{"fields":[]}`, `{"fields":{"a":1}}`, `{"warnings":[1]}`, `{"warnings":{}}`,
	`{"at":"2026-02-30T00:00:00Z"}`, `{"at":5}`, `{"at":{}}`, `{"at":"2026\u002d01-01T00:00:00Z"}`,
	`{"at":"2026-01-01T24:00:00Z"}`, `{"at": "2026-01-01T00:00:00Z" }`, `{"at":nul}`,
	" \t\r\n{ \"n\" : 1 , \"cells\" : [ \"a\" , \"b\" ] } \n",
}

func sameReadByAll(line string) error {
	for _, check := range []func(string) error{
		sameRead[Row], sameRead[RejectedRow], sameRead[Verdict], sameRead[Outcome],
	} {
		if err := check(line); err != nil {
			return err
		}
	}
	return nil
}

func TestRecordsAreReadAsEncodingJSONDoes(t *testing.T) {
	nested := func(n int) string { return `{"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}" }
	for _, line := range append(lines, nested(maxDepth-1), nested(maxDepth), nested(maxDepth*100)) {
		if err := sameReadByAll(line); err != nil {
			t.Error(err)
		}
	}
}

func FuzzRecords(f *testing.F) {
	for _, line := range lines {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if err := sameReadByAll(line); err != nil {
			t.Error(err)
		}
	})
}

func TestAResetRecordKeepsNothing(t *testing.T) {
	for _, line := range []string{
		`{}`, `{"cells":[null,null,null]}`, `{"cells":["x",null],"fields":{"b":"2"}}`, `{"n":3,"warnings":[{}]}`,
	} {
		var s scanner
		var used, fresh Row
		if err := s.record(lines[0], &used); err != nil {
			t.Fatal(err)
		}
		used.reset()
		if err := errors.Join(s.record(line, &used), s.record(line, &fresh)); err != nil {
			t.Fatal(err)
		}
		got, err := used.append(nil)
		if err != nil {
			t.Fatal(err)
		}
		want, err := fresh.append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if g, w := strings.Replace(string(got), `"cells":[]`, `"cells":null`, 1), string(want); g != w {
			t.Errorf("%s: read %s, want %s", line, g, w)
		}
	}
}

func TestCodecAllocatesLittle(t *testing.T) {
	v := Verdict{N: 2, Status: Registered, Ward: "79800001", At: time.Unix(1_780_000_000, 0).UTC()}
	line, err := v.append(nil)
	if err != nil {
		t.Fatal(err)
	}
	text := string(line)
	if n := testing.AllocsPerRun(100, func() { line, err = v.append(line[:0]) }); n != 0 || err != nil {
		t.Errorf("%v allocations to write, %v", n, err)
	}
	var s scanner
	// The text of the time is copied for its parser.
	if n := testing.AllocsPerRun(100, func() { err = s.record(text, &v) }); n > 1 || err != nil {
		t.Errorf("%v allocations to read, %v", n, err)
	}
}

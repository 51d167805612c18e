package engineio

import (
	"bytes"
	"encoding/base64"
	"slices"
	"testing"
)

func TestParsePayload(t *testing.T) {
	for body, want := range map[string][]Packet{
		"4hello":                 {{Data: []byte("4hello")}},
		"4a\x1e2\x1e3probe":      {{Data: []byte("4a")}, {Data: []byte("2")}, {Data: []byte("3probe")}},
		"4hello\x1ebAQIDBA==":    {{Data: []byte("4hello")}, {Data: []byte{1, 2, 3, 4}, Binary: true}},
		"b":                      {{Binary: true}},
		"":                       nil,
		"\x1e":                   nil,
		"4a\x1e":                 nil,
		"7":                      nil,
		"a":                      nil,
		"bAQIDBA":                nil,
		"6:4hello":               {{Data: []byte("6:4hello")}},
		"4\u20ac\x1e4\U0001f600": {{Data: []byte("4\u20ac")}, {Data: []byte("4\U0001f600")}},
	} {
		got, err := ParsePayload([]byte(body))
		same := slices.EqualFunc(got, want, func(a, b Packet) bool {
			return a.Binary == b.Binary && bytes.Equal(a.Data, b.Data)
		})
		if !same || (err != nil) != (want == nil) {
			t.Errorf("%q: %v, %v", body, got, err)
		}
	}
}

// Packets, written as a payload again, are what was parsed.
func FuzzPayload(f *testing.F) {
	for _, body := range []string{"4hello", "4a\x1e2\x1e3probe", "4hello\x1ebAQIDBA==", "\x1e", "b", "b=", "b\n"} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		packets, err := ParsePayload(body)
		if err != nil {
			return
		}
		var again []byte
		for _, p := range packets {
			text := p.Data
			if p.Binary {
				text = append([]byte{TypeBinary}, base64.StdEncoding.EncodeToString(p.Data)...)
			} else if len(text) == 0 {
				t.Fatalf("%q: a packet without a type", body)
			}
			again = appendPacket(again, text)
		}
		parsed, err := ParsePayload(again)
		if err != nil || len(parsed) != len(packets) {
			t.Fatalf("%q became %q: %v", body, again, err)
		}
		for i, p := range parsed {
			if p.Binary != packets[i].Binary || !bytes.Equal(p.Data, packets[i].Data) {
				t.Fatalf("%q became %q", body, again)
			}
		}
	})
}

//go:build unix

package main

import (
	"slices"
	"testing"
)

// What Centrifugo sends, as it has sent it.
func TestCentrifugoWireReadsPublications(t *testing.T) {
	w := &centrifugoWire{place: &centrifugoPlace{}}
	for _, line := range []string{
		`{"id":1,"connect":{"client":"a","version":"6.9.1","ping":25,"pong":true}}`,
		`{"id":2,"subscribe":{"recoverable":true,"epoch":"e","positioned":true,"offset":4,"recovered":true,` +
			`"publications":[{"data":{"n":3},"offset":3},{"data":{"n":4},"offset":4}]}}`,
		`{"push":{"channel":"c","pub":{"data":{"n":5},"offset":5}}}`,
		`{"push":{"channel":"c","join":{}}}`,
	} {
		if err := w.take(t.Context(), []byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	var got []uint64
	for _, f := range w.got {
		got = append(got, f.Seq)
	}
	if !slices.Equal(got, []uint64{0, 0, 3, 4, 5}) || w.got[0].Event != "pong" || w.got[1].Event != "ack" {
		t.Errorf("got %+v", w.got)
	}
	if *w.place != (centrifugoPlace{Epoch: "e", Offset: 5}) {
		t.Errorf("it goes on from %+v", *w.place)
	}
	if err := w.take(t.Context(), []byte(`{"id":2,"error":{"code":103,"message":"permission denied"}}`)); err == nil {
		t.Error("a refusal is no error")
	}
}

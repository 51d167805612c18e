package main

import (
	"maps"
	"testing"
)

func TestParseMap(t *testing.T) {
	got, err := parseMap([]string{"Identity No.=id_number", "a = b =surname", "F=-", "Remarks=null", "F=-"})
	want := map[string]string{"Identity No.": "id_number", "a = b": "surname", "F": "", "Remarks": ""}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range [][]string{{"x"}, {"=surname"}, {"x="}, {"x=age", "x=-"}} {
		if got, err := parseMap(bad); err == nil {
			t.Errorf("%q is %q", bad, got)
		}
	}
}

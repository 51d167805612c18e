package wards

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestParse(t *testing.T) {
	soweto, sandton := Region{Ward: "79800001", SubRegion: "Soweto"}, Region{Ward: "79800002", SubRegion: "Sandton, North"}
	for name, c := range map[string]struct {
		file string
		want []Region
	}{
		"plain": {"ward,sub_region\n79800001,Soweto\n79800002,\"Sandton, North\"\n",
			[]Region{soweto, sandton}},
		"no end of line":        {"ward,sub_region\n79800001,Soweto", []Region{soweto}},
		"from Excel":            {"\ufeffward,sub_region\r\n79800001,Soweto\r\n", []Region{soweto}},
		"ward_code, other case": {"Sub_Region,WARD_CODE\nSoweto,79800001\n", []Region{soweto}},
		"quoted header":         {"\ufeff\"Ward\",\"Sub_region\"\n79800001,Soweto\n", []Region{soweto}},
		"other columns":         {"city,ward,sub_region\nJHB,79800001,Soweto\n", []Region{soweto}},
		"numbers": {"ward,sub_region\n79800001.0,Soweto\n79800002.00,\"Sandton, North\"\n",
			[]Region{soweto, sandton}},
		"spaces":      {" ward , sub_region \n 79800001 ,  Soweto \n", []Region{soweto}},
		"blank lines": {"ward,sub_region\n\n79800001,Soweto\n\n", []Region{soweto}},
		"a region of two wards": {"ward,sub_region\n79800001,Soweto\n79800003,Soweto\n",
			[]Region{soweto, {Ward: "79800003", SubRegion: "Soweto"}}},
		"leading zero": {"ward,sub_region\n09800001,Soweto\n", []Region{{Ward: "09800001", SubRegion: "Soweto"}}},
		"no wards":     {"ward,sub_region\n", nil},
		"places": {"ward,Municipality,PROVINCE\n79800001,jhb - City of Johannesburg,Gauteng\n79800003,,3\n",
			[]Region{{Ward: "79800001", Municipality: "JHB", Province: "GP"}, {Ward: "79800003", Province: "GP"}}},
		"places and regions": {"ward,sub_region,municipality\n79800001,Soweto,\n79800003,,WC015\n",
			[]Region{soweto, {Ward: "79800003", Municipality: "WC015"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse(strings.NewReader(c.file))
			if err != nil || !slices.Equal(got, c.want) {
				t.Fatalf("got %q, %v", got, err)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"nothing":     {"", "the file is empty: its first line must name ward and sub_region"},
		"only a mark": {"\ufeff", "the file is empty: its first line must name ward and sub_region"},
		"no ward": {"id,sub_region\n",
			"line 1: no column is named ward or ward_code; separate the names by commas"},
		"no such province": {"ward,province\n79800001,Utopia\n", "line 2: the province is none of the nine"},
		"no place":         {"ward,municipality\n79800001,\n", "line 2: the sub_region is empty"},
		"no region":        {"ward,region\n", "line 1: no column is named sub_region; separate the names by commas"},
		"semicolons": {"ward;sub_region\n79800001;Soweto\n",
			"line 1: no column is named ward or ward_code; separate the names by commas"},
		"two wards": {"ward,ward_code,sub_region\n", "line 1: two columns are named ward or ward_code"},
		"no header": {"79800001,Soweto\n",
			"line 1: no column is named ward or ward_code; separate the names by commas"},
		"duplicate": {"ward,sub_region\n79800001,A\n79800002,B\n79800001,A\n",
			"line 4: the ward already occurs on line 2"},
		"duplicate as number": {"ward,sub_region\n79800001,A\n79800001.0,B\n",
			"line 3: the ward already occurs on line 2"},
		"short code":     {"ward,sub_region\n79800001,A\n7980001,B\n", "line 3: the ward is not a code of 8 digits"},
		"long code":      {"ward,sub_region\n8001015009087,A\n", "line 2: the ward is not a code of 8 digits"},
		"letters":        {"ward,sub_region\n7980000A,A\n", "line 2: the ward is not a code of 8 digits"},
		"other digits":   {"ward,sub_region\n٧٩٨٠٠٠٠١,A\n", "line 2: the ward is not a code of 8 digits"},
		"a fraction":     {"ward,sub_region\n79800001.5,A\n", "line 2: the ward is not a code of 8 digits"},
		"exponent":       {"ward,sub_region\n7.9800001E7,A\n", "line 2: the ward is not a code of 8 digits"},
		"empty code":     {"ward,sub_region\n,A\n", "line 2: the ward is not a code of 8 digits"},
		"empty region":   {"ward,sub_region\n79800001,\n", "line 2: the sub_region is empty"},
		"blank region":   {"ward,sub_region\n79800001,\"  \"\n", "line 2: the sub_region is empty"},
		"not UTF-8":      {"ward,sub_region\n79800001,Caf\xe9\n", "line 2: the sub_region is not in UTF-8"},
		"zero byte":      {"ward,sub_region\n79800001,a\x00b\n", "line 2: the sub_region holds a control character"},
		"too few fields": {"ward,sub_region\n79800001,A\n79800002\n", "line 3: wrong number of fields"},
		"an open quote":  {"ward,sub_region\n79800001,\"A\n", "line 2: extraneous or missing \" in quoted-field"},
		"lines are the file's": {"ward,sub_region,note\n79800001,A,\"two\nlines\"\n\nx,A,\n",
			"line 5: the ward is not a code of 8 digits"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse(strings.NewReader(c.file))
			if err == nil || err.Error() != c.want || got != nil {
				t.Fatalf("got %q, %v", got, err)
			}
		})
	}
	broken := errors.New("disk on fire")
	if _, err := Parse(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("err = %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"ward,sub_region\n79800001,Soweto\n",
		"\ufeffWARD_CODE,x,Sub_Region\r\n79800001.0,,\"A\nB\"\r\n", "ward,sub_region\n\n1,2,3"} {
		f.Add(seed)
	}
	// Parse accepts only what the table can hold.
	f.Fuzz(func(t *testing.T, file string) {
		list, err := Parse(strings.NewReader(file))
		if err != nil && list != nil {
			t.Fatalf("both %q and %v", list, err)
		}
		seen := map[string]bool{}
		for _, r := range list {
			if len(r.Ward) != 8 || strings.Trim(r.Ward, "0123456789") != "" || seen[r.Ward] || r.SubRegion == "" ||
				strings.ContainsRune(r.SubRegion, 0) {
				t.Fatalf("accepted %q", r)
			}
			seen[r.Ward] = true
		}
	})
}

package validation

import "testing"

func TestParseCell(t *testing.T) {
	for text, want := range map[string]string{
		"082 123 4567": "+27821234567", "0821234567": "+27821234567", "+27 82 123 4567": "+27821234567",
		"27821234567": "+27821234567", "0027821234567": "+27821234567", "821234567": "+27821234567",
		"(082) 123-4567": "+27821234567", "+27 (0)82 123 4567": "+27821234567",
		"0601234567": "+27601234567", "071.123.4567": "+27711234567", "+263771234567": "+263771234567",
		"+44 7700 900123": "+447700900123", "\u202a+27821234567\u202c": "+27821234567",
		"０８２１２３４５６７":  "+27821234567",
		"'0821234567": "+27821234567", `="0821234567"`: "+27821234567", "tel:+27821234567": "+27821234567",
		"Tel: 082 123 4567": "+27821234567", "0821234567.0": "+27821234567", "821234567.0": "+27821234567",
		"27821234567.00": "+27821234567", "٠٨٢١٢٣٤٥٦٧": "+27821234567", "082\u00a0123\u200b4567": "+27821234567",
	} {
		if got, ok := ParseCell(text); !ok || got != want {
			t.Errorf("ParseCell(%q) = %q, %v, want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "0", "unknown", "082123456", "08212345678", "0111234567", "0821234567/0831234567",
		"+2782123456", "+0821234567", "++27821234567", "0821234567 x12", "+123", "8001015009087",
		"8.21234567E8", "2.7821234567E+10", "0821234567.5", "082 123 4567 / 083 123 4567", "tel:"} {
		if got, ok := ParseCell(text); ok {
			t.Errorf("ParseCell(%q) = %q, want none", text, got)
		}
	}
}

func TestParseLandline(t *testing.T) {
	for text, want := range map[string]string{"011 123 4567": "+27111234567", "+27 21 123 4567": "+27211234567",
		"0861 123 456": "+27861123456"} {
		if got, ok := ParseLandline(text); !ok || got != want {
			t.Errorf("ParseLandline(%q) = %q, %v, want %s", text, got, ok, want)
		}
	}
	if got, ok := ParseLandline("0711234567"); ok {
		t.Errorf("a mobile number reads %q", got)
	}
}

func TestParseEmail(t *testing.T) {
	for text, want := range map[string]string{
		"a@example.org": "a@example.org", " Thabo.M+x@Example.ORG ": "Thabo.M+x@example.org",
		"o'brien@mail.example.co.za": "o'brien@mail.example.co.za", "\u200bb@example.org": "b@example.org",
		"c@example.org\u00a0": "c@example.org", "mailto:d@example.org": "d@example.org", "'e@example.org": "e@example.org",
		"ｆ＠example.org": "f@example.org",
	} {
		if got, ok := ParseEmail(text); !ok || got != want {
			t.Errorf("ParseEmail(%q) = %q, %v, want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "none", "a@b", "@example.org", "a@", "a b@example.org", "a@b@example.org",
		"a..b@example.org", ".a@example.org", "a@-example.org", "a@example..org", "a@example.org; b@example.org",
		"A <a@example.org>"} {
		if got, ok := ParseEmail(text); ok {
			t.Errorf("ParseEmail(%q) = %q, want none", text, got)
		}
	}
}

func TestAgesAreWholeYears(t *testing.T) {
	for text, want := range map[string]string{
		"46": "46", " 46.0 ": "46", "046": "46", "46.5": "", "200": "", "-1": "", "": "",
	} {
		if got, ok := parseAge(text); got != want || ok != (want != "") {
			t.Errorf("%q reads %q, %v", text, got, ok)
		}
	}
}

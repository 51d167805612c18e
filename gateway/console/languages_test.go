package console_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var codes = []string{"en", "af", "zu", "xh"}

// node runs a program in TypeScript beside the files of dist, and reads what it prints.
func node(t *testing.T, dir, program string, to any) {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("node is missing: go tool task node")
	}
	source, err := filepath.Abs("src")
	if err != nil {
		t.Fatal(err)
	}
	from := filepath.Join(t.TempDir(), "probe.ts")
	if err := os.WriteFile(from, []byte(strings.ReplaceAll(program, "SRC", source)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"type": "module"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	made := filepath.Join(dir, "probe.js")
	esbuild(t, from, "--bundle", "--target=es2022", "--format=esm", "--platform=neutral", "--outfile="+made)
	cmd := exec.CommandContext(t.Context(), path, made)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, to); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// texts are the texts of a language by the path of their keys.
func texts(t *testing.T, at string, from any, to map[string]string) {
	t.Helper()
	switch v := from.(type) {
	case string:
		to[at] = v
	case map[string]any:
		for key, value := range v {
			texts(t, at+"."+key, value, to)
		}
	case []any:
		for i, value := range v {
			texts(t, fmt.Sprintf("%s.%d", at, i), value, to)
		}
	default:
		t.Errorf("%s is %T", at, from)
	}
}

var place = regexp.MustCompile(`\{[^}]*\}`)

// places are the places of a text, each once.
func places(text string) []string {
	found := place.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// end is the sign of a sentence that a text ends with.
func end(text string) string {
	for _, sign := range []string{".", "…", "?"} {
		if strings.HasSuffix(text, sign) {
			return sign
		}
	}
	return ""
}

// Each language says all that English says, with the same places, and says whether a speaker has read it.
func TestEachLanguageSaysTheSame(t *testing.T) {
	var all map[string]struct {
		Reviewed bool
		Texts    any
	}
	node(t, t.TempDir(), `
import { en } from "SRC/languages/en.ts";
import af from "SRC/languages/af.ts";
import zu from "SRC/languages/zu.ts";
import xh from "SRC/languages/xh.ts";
import { languages } from "SRC/languages.ts";
const all = { en: { reviewed: true, texts: en }, af, zu, xh };
console.log(JSON.stringify(Object.fromEntries(Object.keys(languages).map((code) => [code, all[code]]))));`, &all)
	if len(all) != len(codes) {
		t.Fatalf("%d languages", len(all))
	}
	english := map[string]string{}
	texts(t, "", all["en"].Texts, english)
	if len(english) < 400 {
		t.Fatalf("only %d texts were seen", len(english))
	}
	for code, language := range all {
		said := map[string]string{}
		texts(t, "", language.Texts, said)
		same := 0
		for key, want := range english {
			got, there := said[key]
			switch {
			case !there || strings.TrimSpace(got) == "":
				t.Errorf("%s has no %s", code, key)
			case !slices.Equal(places(got), places(want)):
				t.Errorf("%s, %s: the places %v, in English %v", code, key, places(got), places(want))
			case end(got) != end(want):
				t.Errorf("%s, %s: %q ends in another way than %q", code, key, got, want)
			case got == want:
				same++
			}
			if strings.HasSuffix(key, ".other") && !slices.Contains(places(got), "{n}") {
				t.Errorf("%s, %s does not say the number: %q", code, key, got)
			}
		}
		if len(said) != len(english) {
			t.Errorf("%s has %d texts, English has %d", code, len(said), len(english))
		}
		if code != "en" && same > len(english)/10 {
			t.Errorf("%d of %d texts of %s are English", same, len(english), code)
		}
		source, err := os.ReadFile("src/languages/" + code + ".ts")
		if err != nil {
			t.Fatal(err)
		}
		if !language.Reviewed && !strings.Contains(strings.SplitN(string(source), "\n", 2)[0], "Not reviewed by a speaker") {
			t.Errorf("the file of %s does not begin with whether it was reviewed", code)
		}
	}
}

// Numbers, dates and plurals are those of the language, and the first language that the browser
// wants and the page has is taken.
func TestEachLanguageWritesNumbersAndDatesItsWay(t *testing.T) {
	dir := bundle(t)
	for _, one := range []struct {
		kept, wanted, code string
		rows               []string // 1, 2 and 0
	}{
		{"", `["en-GB", "af"]`, "en", []string{"1 row.", "2 rows.", "0 rows."}},
		{"", `["fr-FR", "af-ZA", "en"]`, "af", []string{"1 ry.", "2 rye.", "0 rye."}},
		{"zu", `["en-GB"]`, "zu", []string{"Umugqa ongu-1.", "Imigqa engu-2.", "Umugqa ongu-0."}},
		{"", `["XH-za"]`, "xh", []string{"Umqolo o-1.", "Imiqolo e-2.", "Imiqolo e-0."}},
		{"tlh", `[]`, "en", []string{"1 row.", "2 rows.", "0 rows."}},
	} {
		var got struct {
			Lang                string
			Rows, Written, Want []string
			Reviewed            bool
		}
		node(t, dir, fmt.Sprintf(`
Object.assign(globalThis, { localStorage: { getItem: () => %q || null }, document: { documentElement: {} } });
Object.defineProperty(globalThis, "navigator", { value: { languages: %s } });
const { count, reviewed, sayCount, strings } = await import("SRC/strings.ts");
const { bytes, date, percent } = await import("SRC/format.ts");
const day = "2026-11-07T12:00:00Z", locale = "%s-ZA";
console.log(JSON.stringify({
  lang: document.documentElement.lang, reviewed, rows: [1, 2, 0].map((n) => sayCount(strings.rows.shown, n)),
  written: [count(1234567), date(day), percent(45), bytes(1234567)],
  want: [new Intl.NumberFormat(locale).format(1234567),
    new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric" }).format(new Date(day)),
    new Intl.NumberFormat(locale, { style: "percent" }).format(0.45),
    new Intl.NumberFormat(locale).format(1.2) + " MB"],
}));`, one.kept, one.wanted, one.code), &got)
		if got.Lang != one.code || got.Reviewed != (one.code == "en") || !slices.Equal(got.Rows, one.rows) ||
			!slices.Equal(got.Written, got.Want) {
			t.Errorf("chosen %q, wanted %s: %+v, want %s %q", one.kept, one.wanted, got, one.code, one.rows)
		}
	}
}

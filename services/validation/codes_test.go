package validation

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The page of cells explains every code that a row can have.
func TestThePageOfCellsHasEveryCode(t *testing.T) {
	page, err := os.ReadFile("../../docs/cells.md")
	if err != nil {
		t.Fatal(err)
	}
	codes := []string{WarnQuote, WarnBytes, WarnControls, CodeDateOrder, CodeNoHeader}
	for file, pattern := range map[string]string{
		"warnings.go":                    `(?m)^\tWarn\w+ += "(\w+)"$`,
		"../../events/records/record.go": `(?m)^\tReject\w+ += "(\w+)"$`,
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1)
		if len(found) < 8 {
			t.Fatalf("%s has %d codes", file, len(found))
		}
		for _, m := range found {
			codes = append(codes, m[1])
		}
	}
	for _, code := range codes {
		if !strings.Contains(string(page), "`"+code+"`") {
			t.Errorf("docs/cells.md does not say what %s means", code)
		}
	}
}

package upload

import (
	"path"
	"strings"
	"unicode"

	"rollcall.example/events/spelling"
)

const (
	defaultName = "upload.xlsx"
	// maxFileName is the longest file name kept, in bytes.
	maxFileName = 200
)

// namedAfter is what a file is called whose name has an ID number in any spelling.
const namedAfter = "named by an ID number"

// cleanFileName makes a name of whatever a client sent as one: no folder of either
// style, nothing that does not print or turns the writing round, not too long.
// A name with a person's ID number is replaced as a whole, for the name becomes
// part of events, which nobody can take back, and the rest of it may be the
// person's name.
func cleanFileName(sent string) string {
	name := path.Base(strings.ReplaceAll(strings.ToValidUTF8(sent, ""), `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, name)
	name = strings.TrimSpace(name)
	if spelling.HasNumber(name) {
		name = namedAfter + strings.ToLower(path.Ext(spelling.HideNumbers(name)))
	}
	if len(name) > maxFileName {
		ext := path.Ext(name)
		if len(ext) > 8 {
			ext = ""
		}
		name = strings.ToValidUTF8(name[:maxFileName-len(ext)], "") + ext
	}
	if strings.Trim(name, "./ ") == "" {
		return defaultName
	}
	return name
}

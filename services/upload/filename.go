package upload

import (
	"path"
	"regexp"
	"strings"
	"unicode"

	"rollcall.example/events"
)

const (
	defaultName = "upload.xlsx"
	// maxFileName is the longest file name kept, in bytes.
	maxFileName = 200
)

var digits = regexp.MustCompile(`\d+`)

// cleanFileName makes a name of whatever a client sent as one: no folder of either
// style, nothing that does not print or turns the writing round, not too long.
// A file named after a person's ID number has it masked, for the name becomes
// part of events.
func cleanFileName(sent string) string {
	name := path.Base(strings.ReplaceAll(strings.ToValidUTF8(sent, ""), `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, name)
	name = strings.TrimSpace(name)
	name = digits.ReplaceAllStringFunc(name, func(run string) string {
		if len(run) != 13 {
			return run
		}
		return events.MaskID(run)
	})
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

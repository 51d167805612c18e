package main

import (
	"fmt"
	"strings"
)

// parseMap reads HEADER=FIELD, where a header may have signs of equality too. As in
// client.UploadOptions, the field "" leaves a column out.
func parseMap(args []string) (map[string]string, error) {
	mapping := make(map[string]string)
	for _, arg := range args {
		at := strings.LastIndexByte(arg, '=')
		if at < 0 || strings.TrimSpace(arg[:at]) == "" || strings.TrimSpace(arg[at+1:]) == "" {
			return nil, fmt.Errorf("--map %q: write HEADER=FIELD, or HEADER=- to leave the column out", arg)
		}
		header, field := strings.TrimSpace(arg[:at]), strings.TrimSpace(arg[at+1:])
		if field == "-" || field == "null" {
			field = ""
		}
		if before, named := mapping[header]; named && before != field {
			return nil, fmt.Errorf("--map %q: the header is named twice", arg)
		}
		mapping[header] = field
	}
	return mapping, nil
}

package docs

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// asvs are the requirements of levels 1 and 2 of OWASP ASVS 5.0, by section. A number
// with a star is of level 1.
const asvs = `
1.1: 1 2
1.2: 1* 2* 3* 4* 5* 6 7 8 9
1.3: 1* 2* 3 4 5 6 7 8 9 10 11
1.4: 1 2 3
1.5: 1* 2
2.1: 1* 2 3
2.2: 1* 2* 3
2.3: 1* 2 3 4
2.4: 1
3.2: 1* 2*
3.3: 1* 2 3 4
3.4: 1* 2* 3 4 5 6
3.5: 1* 2* 3* 4 5
3.7: 1 2
4.1: 1* 2 3
4.2: 1
4.3: 1 2
4.4: 1* 2 3 4
5.1: 1
5.2: 1* 2* 3
5.3: 1* 2*
5.4: 1 2 3
6.1: 1* 2 3
6.2: 1* 2* 3* 4* 5* 6* 7* 8* 9 10 11 12
6.3: 1* 2* 3 4
6.4: 1* 2* 3 4
6.5: 1 2 3 4 5
6.6: 1 2 3
6.8: 1 2 3 4
7.1: 1 2 3
7.2: 1* 2* 3* 4*
7.3: 1 2
7.4: 1* 2* 3 4 5
7.5: 1 2
7.6: 1 2
8.1: 1* 2
8.2: 1* 2* 3
8.3: 1*
8.4: 1
9.1: 1* 2* 3*
9.2: 1* 2 3 4
10.1: 1 2
10.2: 1 2
10.3: 1 2 3 4
10.4: 1* 2* 3* 4* 5* 6 7 8 9 10 11
10.5: 1 2 3 4 5
10.6: 1 2
10.7: 1 2 3
11.1: 1 2
11.2: 1 2 3
11.3: 1* 2* 3
11.4: 1* 2 3 4
11.5: 1
11.6: 1
12.1: 1* 2 3
12.2: 1* 2*
12.3: 1 2 3 4
13.1: 1
13.2: 1 2 3 4 5
13.3: 1 2
13.4: 1* 2 3 4 5
14.1: 1 2
14.2: 1* 2 3 4
14.3: 1* 2 3
15.1: 1* 2 3
15.2: 1* 2 3
15.3: 1* 2 3 4 5 6 7
16.1: 1
16.2: 1 2 3 4 5
16.3: 1 2 3 4
16.4: 1 2 3
16.5: 1 2 3
17.1: 1
17.2: 1 2 3 4
17.3: 1 2
`

// wantedLevels returns the level of each requirement.
func wantedLevels(t *testing.T) map[string]string {
	t.Helper()
	levels := map[string]string{}
	for line := range strings.Lines(strings.TrimSpace(asvs)) {
		section, numbers, _ := strings.Cut(strings.TrimSpace(line), ": ")
		for _, n := range strings.Fields(numbers) {
			level := "2"
			if strings.HasSuffix(n, "*") {
				level = "1"
			}
			levels[section+"."+strings.TrimSuffix(n, "*")] = level
		}
	}
	return levels
}

var (
	asvsLine  = regexp.MustCompile(`(?m)^\| ([0-9][^|]*\([12]\)) \| ([^|]+) \| ([^|]+) \|$`)
	asvsGroup = regexp.MustCompile(`([0-9][0-9., to]*?) \(([12])\)`)
	asvsRange = regexp.MustCompile(`^(\d+\.\d+)\.(\d+) to (\d+\.\d+)\.(\d+)$`)
)

// expand returns the requirements that a text such as "6.2.9 to 6.2.12" names.
func expand(t *testing.T, text string) (list []string) {
	t.Helper()
	for part := range strings.SplitSeq(text, ", ") {
		m := asvsRange.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			list = append(list, strings.TrimSpace(part))
			continue
		}
		first, err1 := strconv.Atoi(m[2])
		last, err2 := strconv.Atoi(m[4])
		if err1 != nil || err2 != nil || m[1] != m[3] || last <= first {
			t.Errorf("%s is no range", part)
		}
		for n := first; n <= last; n++ {
			list = append(list, fmt.Sprint(m[1], ".", n))
		}
	}
	return list
}

// Each requirement stands in security.md once, with its level, and says what holds it,
// why it does not apply, or what is missing.
func TestEachASVSRequirementIsAnswered(t *testing.T) {
	page, err := os.ReadFile(top + "/docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	wanted := wantedLevels(t)
	if len(wanted) != 253 {
		t.Errorf("%d requirements are known", len(wanted))
	}
	seen, rows := map[string]bool{}, asvsLine.FindAllStringSubmatch(string(page), -1)
	for _, row := range rows {
		for _, group := range asvsGroup.FindAllStringSubmatch(row[1], -1) {
			for _, id := range expand(t, group[1]) {
				switch level, known := wanted[id]; {
				case !known:
					t.Errorf("%q is no requirement of levels 1 and 2", id)
				case seen[id]:
					t.Errorf("%s stands there twice", id)
				case level != group[2]:
					t.Errorf("%s is of level %s", id, level)
				}
				seen[id] = true
			}
		}
		if len(strings.TrimSpace(row[3])) < 10 {
			t.Errorf("%s: nothing holds it", row[1])
		}
	}
	for id := range wanted {
		if !seen[id] {
			t.Errorf("%s is missing", id)
		}
	}
	if len(rows) < 100 {
		t.Errorf("%d rows", len(rows))
	}
}

package workbook

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"rollcall.example/schema"
)

// maxHeader is how many bytes a text may have that is looked at as a header.
const maxHeader = 300

// noise are words that a header may have beside those that say what the column is: the
// word number, units, and how to fill in the cells.
var noise = newWordSet("no nos nr nrs n num nums number numbers nommer nommers nomoro digit digits syfer syfers " +
	"year years yr yrs jaar jare rand rands zar r required mandatory compulsory optional verplig verpligtend " +
	"opsioneel dd mm yy yyyy ccyy jj jjjj please asseblief")

// glued are words for number that are written without a space behind another word.
var glued = []string{"number", "nommer", "nomoro", "num", "no", "nr"}

func newWordSet(words string) map[string]bool {
	set := make(map[string]bool)
	for word := range strings.FieldsSeq(words) {
		set[word] = true
	}
	return set
}

// Fold reduces a header or a word to its letters and digits, by which it is compared:
// in lower case, without accents, and whatever their width or font.
func Fold(text string) string {
	folded := make([]byte, 0, len(text))
	for i := range len(text) {
		switch c := text[i]; {
		case c >= utf8.RuneSelf:
			return strings.Join(splitWords(text), "")
		case c >= 'A' && c <= 'Z':
			folded = append(folded, c+'a'-'A')
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			folded = append(folded, c)
		}
	}
	return string(folded)
}

// splitWords returns the words of a text, folded. What is invisible separates none.
func splitWords(text string) []string {
	return strings.FieldsFunc(normalize(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// normalize returns a text in lower case without accents and invisible characters.
func normalize(text string) string {
	if isASCII(text) {
		return strings.ToLower(text)
	}
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Mn, unicode.Cf) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(text))
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// headerIndex finds the field that a header means.
type headerIndex struct {
	exact map[string]string // by Fold
	loose map[string]string // by looseKey; "" where two fields have the key
	or    map[string]string // by Fold: what a name means beside another of its field
}

func newHeaderIndex(columns []schema.Column) *headerIndex {
	x := &headerIndex{exact: make(map[string]string), loose: make(map[string]string), or: make(map[string]string)}
	for _, column := range columns {
		for _, a := range column.Aliases {
			for _, word := range a.Words {
				if a.Or != "" {
					x.or[Fold(word)] = a.Or
				}
			}
		}
		for _, name := range column.Names() {
			if key := Fold(name); x.exact[key] == "" {
				x.exact[key] = column.Field
			}
			key := looseKey(name)
			if field, taken := x.loose[key]; taken && field != column.Field {
				x.loose[key] = ""
			} else {
				x.loose[key] = column.Field
			}
		}
	}
	delete(x.loose, "")
	return x
}

// match returns the field that a text means, "" for none. Exact says that the text is a
// name of the field, letter by letter.
func (x *headerIndex) match(text string) (field string, exact bool) {
	if field := x.matchExact(text); field != "" {
		return field, true
	}
	if text == "" || len(text) > maxHeader || !strings.ContainsFunc(text, unicode.IsLetter) {
		return "", false
	}
	main, remarks := cutBrackets(normalize(text))
	field = x.matchPart(main)
	if field == "" {
		field = x.matchAll(main)
	}
	// A remark that names another field says that the column is not what it seems.
	for _, remark := range remarks {
		if other := x.matchPart(remark); other != "" && other != field {
			return "", false
		}
	}
	return field, false
}

// matchExact returns the field that has a text as its name, "" for none.
func (x *headerIndex) matchExact(text string) string {
	if text == "" || len(text) > maxHeader {
		return ""
	}
	return x.exact[Fold(text)]
}

// matchPart returns the field that a text means which names one thing.
func (x *headerIndex) matchPart(text string) string {
	if field := x.exact[Fold(text)]; field != "" {
		return field
	}
	key := looseKey(text)
	if field := x.loose[key]; field != "" {
		return field
	}
	for _, word := range glued {
		if short, ok := strings.CutSuffix(key, word); ok && short != "" {
			return x.loose[short]
		}
	}
	return ""
}

// manyWays are the signs between names of one thing, as in two languages. The Afrikaans
// of, which is or, comes last: it is an English word too.
var manyWays = []*strings.Replacer{
	strings.NewReplacer(" - ", "/", " – ", "/", " or ", "/", "\n", "/", "|", "/", ";", "/", "\\", "/"),
	strings.NewReplacer(" - ", "/", " – ", "/", " or ", "/", " of ", "/", "\n", "/", "|", "/", ";", "/", "\\", "/"),
}

// matchAll returns the field of a text that names one thing several times.
func (x *headerIndex) matchAll(text string) string {
	for _, signs := range manyWays {
		if field := x.matchEach(strings.Split(signs.Replace(text), "/")); field != "" {
			return field
		}
	}
	return ""
}

// matchEach returns the field that all parts mean, "" where they are fewer than two.
func (x *headerIndex) matchEach(parts []string) string {
	if len(parts) < 2 {
		return ""
	}
	found := ""
	for _, part := range parts {
		if looseKey(part) == "" {
			continue
		}
		field := x.matchPart(part)
		if field == "" || found != "" && field != found {
			return ""
		}
		found = field
	}
	return found
}

// looseKey reduces a header to what says what the column is; "" where nothing does.
func looseKey(text string) string {
	main, _ := cutBrackets(normalize(text))
	words := splitWords(main)
	counted := slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "digit") || w == "syfers" })
	words = slices.DeleteFunc(words, func(w string) bool { return noise[w] || counted && w == "13" })
	for n := len(words); n > 1 && (words[n-1] == "in" || words[n-1] == "of"); n-- {
		words = words[:n-1] // "in years"
	}
	return strings.Join(words, "")
}

// cutBrackets returns a text without what stands in brackets, and that.
func cutBrackets(text string) (main string, remarks []string) {
	if !strings.ContainsAny(text, "([{") {
		return text, nil
	}
	var out, remark strings.Builder
	depth := 0
	for _, r := range text {
		switch {
		case r == '(' || r == '[' || r == '{':
			depth++
		case r == ')' || r == ']' || r == '}':
			if depth--; depth == 0 {
				remarks = append(remarks, remark.String())
				remark.Reset()
			}
			depth = max(depth, 0)
		case depth > 0:
			remark.WriteRune(r)
			continue
		default:
			out.WriteRune(r)
			continue
		}
		if depth == 0 {
			out.WriteByte(' ')
		}
	}
	return out.String(), remarks
}

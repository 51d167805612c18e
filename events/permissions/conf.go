package permissions

import (
	"bytes"
	"fmt"
	"strings"

	"rollcall.example/events"
)

// allowed returns the subjects that a user may publish to, with wildcards.
func (u User) allowed() (groups []Group) {
	add := func(comment string, subjects ...string) { groups = append(groups, Group{comment, subjects}) }
	facts := Group{Comment: "facts"}
	for _, k := range u.Kinds {
		if facts.Subjects = append(facts.Subjects, "bulk.*."+string(k)); k == events.KindProgress {
			facts.Comment = "facts and progress"
		}
	}
	if len(facts.Subjects) > 0 {
		groups = append(groups, facts)
	}
	if len(u.Audit) > 0 {
		g := Group{Comment: "who has read personal data"}
		for _, what := range u.Audit {
			g.Subjects = append(g.Subjects, events.AuditSubject("*", what))
		}
		groups = append(groups, g)
	}
	if u.ReadsLog {
		direct := "$JS.API.DIRECT.GET." + events.StreamFacts
		add("reads the log", "$JS.API.STREAM.INFO."+events.StreamFacts,
			direct, direct+".bulk.*.*", "$JS.API.DIRECT.GET."+events.StreamProgress)
	}
	if u.Consumer != "" {
		name := events.StreamFacts + "." + u.Consumer
		add("its consumer", "$JS.API.CONSUMER.INFO."+name, "$JS.API.CONSUMER.MSG.NEXT."+name, "$JS.ACK."+name+".>")
	}
	for _, b := range u.Objects {
		groups = append(groups, b.allowed())
	}
	for _, b := range u.KeyValues {
		groups = append(groups, b.allowed())
	}
	return append(groups, u.Publish...)
}

func (b ObjectBucket) allowed() (g Group) {
	stream, object := "OBJ_"+b.Name, "$O."+b.Name
	add := func(subjects ...string) { g.Subjects = append(g.Subjects, subjects...) }
	add("$JS.API.STREAM.INFO." + stream)
	if b.Clear {
		add("$JS.API.DIRECT.GET."+stream, "$JS.API.DIRECT.GET."+stream+"."+object+".>")
	} else {
		add("$JS.API.DIRECT.GET." + stream + "." + object + ".M.*")
	}
	if b.Write {
		// The object store purges the chunks of an object that it replaces.
		add(object+".C.*", object+".M.*", "$JS.API.STREAM.PURGE."+stream)
	}
	if b.Read {
		add("$JS.API.CONSUMER.CREATE."+stream+".*."+object+".C.*",
			"$JS.API.CONSUMER.DELETE."+stream+".*", "$JS.FC."+stream+".>")
	}
	switch {
	case b.Clear:
		g.Comment = "looks through, clears and writes " + b.Name
	case b.Write && b.Read:
		g.Comment = "reads and writes " + b.Name
	case b.Write:
		g.Comment = "writes " + b.Name
	default:
		g.Comment = "reads " + b.Name
	}
	return g
}

func (b KeyValueBucket) allowed() Group {
	stream, keys := "KV_"+b.Name, "$KV."+b.Name+".>"
	g := Group{
		Comment:  "reads " + b.Name,
		Subjects: []string{"$JS.API.STREAM.INFO." + stream, "$JS.API.DIRECT.GET." + stream + "." + keys},
	}
	if b.Write {
		g.Comment = "writes " + b.Name
		g.Subjects = append(g.Subjects, keys)
	}
	if b.Batch {
		g.Subjects = append(g.Subjects, "$JS.API.DIRECT.GET."+stream)
	}
	return g
}

// Rewrite replaces the lines of nats.conf between these two.
const (
	begin = "# users, generated from events/permissions/table.go by go generate: begin"
	end   = "# users: end"
)

// Rewrite returns a nats.conf with new users: that of EDGE in the first marked
// section, those of BULK in the second.
func Rewrite(conf []byte) ([]byte, error) {
	var out bytes.Buffer
	sections := [][]User{{Gateway()}, Users()}
	skipping := false
	for line := range bytes.Lines(conf) {
		text := strings.TrimSpace(string(line))
		if text == end {
			if !skipping {
				return nil, fmt.Errorf("rewrite nats.conf: %q without %q before it", end, begin)
			}
			skipping = false
		}
		if !skipping {
			out.Write(line)
		}
		if text == begin {
			if skipping || len(sections) == 0 {
				return nil, fmt.Errorf("rewrite nats.conf: too many lines %q", begin)
			}
			skipping = true
			for i, u := range sections[0] {
				if i > 0 {
					out.WriteByte('\n')
				}
				u.write(&out)
			}
			sections = sections[1:]
		}
	}
	if skipping || len(sections) > 0 {
		return nil, fmt.Errorf("rewrite nats.conf: %d sections are missing or do not end", len(sections))
	}
	return out.Bytes(), nil
}

// write writes the entry of the user.
func (u User) write(out *bytes.Buffer) {
	if u.Comment != "" {
		fmt.Fprintf(out, "      # %s\n", u.Comment)
	}
	fmt.Fprintf(
		out,
		"      { user: %s, password: $ROLLCALL_NATS_PASSWORD_%s, permissions: {\n",
		u.Name,
		strings.ToUpper(u.Name),
	)
	out.WriteString("          publish: {\n            allow: [\n")
	writeGroups(out, u.allowed())
	if len(u.Deny) > 0 {
		out.WriteString("            ]\n            deny: [\n")
		writeGroups(out, u.Deny)
	}
	out.WriteString("            ]\n          }\n          subscribe: { allow: [")
	for _, s := range u.Subscribe {
		fmt.Fprintf(out, "%q, ", s)
	}
	fmt.Fprintf(out, "\"_INBOX_%s.>\"] }\n      } }\n", u.Name)
}

// width is the longest line of subjects.
const width = 120

func writeGroups(out *bytes.Buffer, groups []Group) {
	const indent = "              "
	for _, g := range groups {
		if g.Comment != "" {
			fmt.Fprintf(out, "%s# %s\n", indent, g.Comment)
		}
		line := indent
		for i, s := range g.Subjects {
			next := fmt.Sprintf("%q,", s)
			if i > 0 && len(line)+1+len(next) > width {
				out.WriteString(line + "\n")
				line = indent
			}
			if line != indent {
				line += " "
			}
			line += next
		}
		out.WriteString(line + "\n")
	}
}

package permissions

import (
	"bytes"
	"cmp"
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
		groups = append(groups, consumerGroup("its consumer", events.StreamFacts+"."+u.Consumer))
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
		add("$JS.API.DIRECT.GET." + stream + "." + object + ".>")
	} else {
		add("$JS.API.DIRECT.GET." + stream + "." + object + ".M.*")
	}
	if b.Write {
		// The object store purges the chunks of an object that it replaces.
		add(object+".C.*", object+".M.*", "$JS.API.STREAM.PURGE."+stream)
	}
	if b.Read || b.Clear {
		// No consumer: who may make one chooses where the server publishes what
		// the bucket holds.
		add("$JS.API.DIRECT.GET." + stream)
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
	begin = "# accounts, generated from events/permissions/table.go by go generate: begin"
	end   = "# accounts: end"
)

// Rewrite returns a nats.conf with the accounts of all users between the two
// marking lines.
func Rewrite(conf []byte) ([]byte, error) {
	var out bytes.Buffer
	written, skipping := false, false
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
			if written {
				return nil, fmt.Errorf("rewrite nats.conf: too many lines %q", begin)
			}
			written, skipping = true, true
			for i, u := range Users() {
				if i > 0 {
					out.WriteByte('\n')
				}
				u.write(&out)
			}
		}
	}
	if skipping || !written {
		return nil, fmt.Errorf("rewrite nats.conf: the section %q is missing or does not end", begin)
	}
	return out.Bytes(), nil
}

// write writes the account of the user. The account imports each subject, so
// that an answer of the server stays in it, whatever subject the request names
// for the answer.
func (u User) write(out *bytes.Buffer) {
	fmt.Fprintf(out, "  # %s\n  %s {\n    imports: [\n", u.Comment, u.account())
	// Without this one the server would answer all requests to the API of the
	// account itself, that it has no streams.
	imported := map[string]bool{accountInfo: true}
	fmt.Fprintf(out, "      { service: { account: BULK, subject: %q } }\n", accountInfo)
	for _, g := range u.allowed() {
		for _, subject := range g.Subjects {
			if imported[subject] {
				continue
			}
			imported[subject] = true
			fmt.Fprintf(out, "      { service: { account: BULK, subject: %q } }\n", subject)
		}
	}
	streams := u.Subscribe
	if u.Makes {
		streams = append(streams, cliInbox, "_INBOX_"+u.Name+".>")
	}
	for _, subject := range streams {
		if subject == "bulk.>" {
			// What one account has imported as a service is not passed on to
			// another, but what the streams republish is.
			fmt.Fprintf(out, "      { stream: { account: BULK, subject: %q }, to: %q }\n",
				events.LivePrefix+"bulk.*.*", "bulk.*.*")
			continue
		}
		fmt.Fprintf(out, "      { stream: { account: BULK, subject: %q } }\n", subject)
	}
	fmt.Fprintf(
		out,
		"    ]\n    users: [ { user: %s, password: $ROLLCALL_NATS_PASSWORD_%s, permissions: {\n",
		u.Name,
		strings.ToUpper(u.Name),
	)
	out.WriteString("      publish: { allow: [\n")
	writeGroups(out, u.allowed())
	out.WriteString("      ] }\n      subscribe: { allow: [")
	for _, s := range u.Subscribe {
		fmt.Fprintf(out, "%q, ", s)
	}
	if u.CLI {
		fmt.Fprintf(out, "%q, ", cliInbox)
	}
	fmt.Fprintf(out, "\"_INBOX_%s.>\"] }\n    } } ]\n  }\n", u.Name)
}

const accountInfo = "$JS.API.INFO"

// cliInbox is where answers to the NATS CLI come by default.
const cliInbox = "_INBOX.>"

func (u User) account() string { return cmp.Or(u.Account, strings.ToUpper(u.Name)) }

// width is the longest line of subjects.
const width = 120

func writeGroups(out *bytes.Buffer, groups []Group) {
	const indent = "        "
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

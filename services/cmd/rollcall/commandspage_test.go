package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

const commandsPageFile = "../../../docs/commands.md"

// Between these two lines the page is made from the program.
const (
	pageBegin = "<!-- Made from the program: go test ./services/cmd/rollcall -run TestCommandsPageIsCurrent -update -->\n"
	pageEnd   = "<!-- End of what is made from the program. -->\n"
)

func TestCommandsPageIsCurrent(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(commandsPageFile)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, begun := strings.Cut(string(text), pageBegin)
	_, tail, ended := strings.Cut(rest, pageEnd)
	if !begun || !ended {
		t.Fatalf("docs/commands.md has not both lines:\n%s%s", pageBegin, pageEnd)
	}
	var c cli
	parser, err := newParser(&c)
	if err != nil {
		t.Fatal(err)
	}
	want := []byte(head + pageBegin + describeCommands(parser.Model) + pageEnd + tail)
	if *update {
		if err := os.WriteFile(commandsPageFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	} else if !bytes.Equal(text, want) {
		t.Error("docs/commands.md is stale: go test ./services/cmd/rollcall -run TestCommandsPageIsCurrent -update")
	}
}

// setting is a flag that several commands take and that the environment can set.
type setting struct {
	*kong.Flag
	takers []string
}

// describeCommands writes the commands and settings of the program in Markdown.
func describeCommands(model *kong.Application) string {
	commands := slices.DeleteFunc(slices.Clone(model.Children), func(n *kong.Node) bool { return n.Hidden })
	settings := sharedSettings(model, commands)
	var out strings.Builder
	fmt.Fprint(&out, "\n## Commands\n\n")
	for _, g := range groups {
		fmt.Fprintf(&out, "%s\n\n| command | does |\n|---|---|\n", g.Title)
		for _, n := range commands {
			if n.Group.Key == g.Key {
				fmt.Fprintf(&out, "| [`%s`](#rollcall-%s) | %s |\n", n.Name, n.Name, cell(n.Help))
			}
		}
		fmt.Fprintln(&out)
	}
	for _, n := range commands {
		fmt.Fprintf(&out, "### rollcall %s\n\n    rollcall %s\n\n%s\n\n", n.Name, n.Summary(), n.Help)
		if n.Detail != "" {
			fmt.Fprintf(&out, "%s\n\n", prose(n.Detail))
		}
		describeFlags(&out, n, settings)
	}
	describeSettings(&out, settings)
	return out.String()
}

// sharedSettings are the settings of the program in the order in which they are declared.
func sharedSettings(model *kong.Application, commands []*kong.Node) (settings []*setting) {
	add := func(f *kong.Flag, taker string) {
		if len(f.Envs) == 0 {
			return
		}
		i := slices.IndexFunc(settings, func(s *setting) bool { return sameFlag(s.Flag, f) })
		if i < 0 {
			i = len(settings)
			settings = append(settings, &setting{Flag: f})
		}
		settings[i].takers = append(settings[i].takers, taker)
	}
	for _, f := range model.Flags {
		add(f, "all")
	}
	for _, n := range commands {
		for _, f := range n.Flags {
			add(f, "`"+n.Name+"`")
		}
	}
	return slices.DeleteFunc(settings, func(s *setting) bool { return len(s.takers) == 1 && s.takers[0] != "all" })
}

func sameFlag(a, b *kong.Flag) bool {
	return a.Name == b.Name && a.Help == b.Help && a.Default == b.Default
}

// describeFlags writes the flags of one command.
func describeFlags(out *strings.Builder, n *kong.Node, settings []*setting) {
	var own, shared []string
	for _, p := range n.Positional {
		own = append(own, fmt.Sprintf("| `%s` | | %s |\n", p.Summary(), cell(p.Help)))
	}
	for _, f := range n.Flags {
		switch {
		case slices.ContainsFunc(settings, func(s *setting) bool { return sameFlag(s.Flag, f) }):
			shared = append(shared, "`--"+f.Name+"`")
		case f.Name != "help":
			own = append(own, fmt.Sprintf("| %s | %s | %s |\n", flagName(f), defaultOf(f), cell(f.Help)))
		}
	}
	if own != nil {
		fmt.Fprintf(out, "| argument or flag | default | meaning |\n|---|---|---|\n%s\n", strings.Join(own, ""))
	}
	if len(shared) > few {
		shared = append(shared[:few], "and more")
	}
	if shared != nil {
		fmt.Fprintf(out, "[Settings](#settings): %s.\n\n", strings.Join(shared, ", "))
	}
}

// few is how many settings are named where a command takes more.
const few = 12

func describeSettings(out *strings.Builder, settings []*setting) {
	fmt.Fprint(out, "## Settings\n\nSeveral commands take these. The last column says which.\n\n"+
		"| flag and variable | default | meaning | taken by |\n|---|---|---|---|\n")
	for _, s := range settings {
		fmt.Fprintf(out, "| %s | %s | %s | %s |\n",
			flagName(s.Flag), defaultOf(s.Flag), cell(s.Help), strings.Join(s.takers, ", "))
	}
	fmt.Fprintln(out)
}

// flagName is a flag with its value and the variables that set it.
func flagName(f *kong.Flag) string {
	name := "--" + f.Name
	if f.Short != 0 {
		name = "-" + string(f.Short) + ", " + name
	}
	if !f.IsBool() && f.PlaceHolder != "" {
		name += "=" + f.PlaceHolder
	}
	text := "`" + name + "`"
	for _, env := range f.Envs {
		text += " `" + env + "`"
		if f.Tag.Has("secret") {
			text += " `" + env + "_FILE`"
		}
	}
	return text
}

func defaultOf(f *kong.Flag) string {
	switch {
	case f.Required:
		return "required"
	case f.Default != "":
		return "`" + f.Default + "`"
	}
	return ""
}

// prose keeps Markdown from taking <WORD> for a tag; code is left as it is.
func prose(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, "    ") {
			lines[i] = strings.ReplaceAll(line, "<", "&lt;")
		}
	}
	return strings.Join(lines, "\n")
}

// cell escapes a text for a cell of a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "\n", " ").Replace(text)
}

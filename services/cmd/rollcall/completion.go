package main

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// The scripts only call __complete, so they stay valid when commands change.
//
//go:embed completion/rollcall.bash
var bashCompletion string

//go:embed completion/rollcall.zsh
var zshCompletion string

//go:embed completion/rollcall.fish
var fishCompletion string

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help implements kong.HelpProvider.
func (completionCmd) Help() string {
	return "For bash, in ~/.bashrc:\n\n    source <(rollcall completion bash)\n\n" +
		"For zsh, in ~/.zshrc after compinit:\n\n    source <(rollcall completion zsh)\n\n" +
		"For fish:\n\n    rollcall completion fish > ~/.config/fish/completions/rollcall.fish"
}

// Run prints the script for a shell.
func (c *completionCmd) Run(p *process) error {
	script := map[string]string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[c.Shell]
	_, err := fmt.Fprint(p.out, script)
	return err
}

type completeCmd struct {
	Words []string `arg:"" optional:"" help:"The words after rollcall up to the cursor, the last of them unfinished."`
}

// Run prints what the last word may become: a suggestion on each line, with a tab and
// what it means, or ":files" where the name of a file belongs.
func (c *completeCmd) Run(p *process, k *kong.Kong) error {
	for _, s := range suggest(k.Model.Node, c.Words) {
		if _, err := fmt.Fprintln(p.out, strings.TrimSuffix(s.word+"\t"+s.means, "\t")); err != nil {
			return err
		}
	}
	return nil
}

type suggestion struct{ word, means string }

// files stands for the names of files, which the shell completes itself.
var files = suggestion{word: ":files"}

// suggest returns what the last of the words may become. Words that are neither a command
// nor a flag count as arguments.
func suggest(node *kong.Node, words []string) []suggestion {
	if len(words) == 0 {
		words = []string{""}
	}
	args := 0
	var flag *kong.Flag // whose value is the next word
	for _, word := range words[:len(words)-1] {
		switch child := command(node, word); {
		case flag != nil:
			flag = nil
		case strings.HasPrefix(word, "-"):
			flag = flagBefore(node, word)
		case child != nil:
			node = child
		default:
			args++
		}
	}
	last := words[len(words)-1]
	var found []suggestion
	switch {
	case flag != nil:
		found = values(flag.Value)
	case strings.HasPrefix(last, "-"):
		for _, group := range node.AllFlags(true) {
			for _, f := range group {
				found = append(found, suggestion{"--" + f.Name, meaning(f.Help)})
			}
		}
	default:
		for _, child := range node.Children {
			if !child.Hidden {
				found = append(found, suggestion{child.Name, meaning(child.Help)})
			}
		}
		if args < len(node.Positional) {
			found = append(found, values(node.Positional[args])...)
		}
	}
	return slices.DeleteFunc(found, func(s suggestion) bool { return s != files && !strings.HasPrefix(s.word, last) })
}

func command(node *kong.Node, name string) *kong.Node {
	for _, child := range node.Children {
		if child.Name == name {
			return child
		}
	}
	return nil
}

// flagBefore returns the flag of a word whose value is the next word, or nil.
func flagBefore(node *kong.Node, word string) *kong.Flag {
	for _, group := range node.AllFlags(false) {
		for _, f := range group {
			if !f.IsBool() && (word == "--"+f.Name || f.Short != 0 && word == "-"+string(f.Short)) {
				return f
			}
		}
	}
	return nil
}

// values returns what a flag or an argument may be, as far as that is known.
func values(v *kong.Value) []suggestion {
	if v.Enum != "" {
		var found []suggestion
		for _, word := range v.EnumSlice() {
			found = append(found, suggestion{word: word})
		}
		return found
	}
	if slices.Contains([]string{"path", "existingfile", "existingdir"}, v.Tag.Type) ||
		v.Tag.PlaceHolder == "FILE" || v.Tag.PlaceHolder == "DIR" {
		return []suggestion{files}
	}
	return nil
}

// meaning returns the first sentence of a help text.
func meaning(help string) string {
	first, _, _ := strings.Cut(help, ". ")
	return strings.TrimSuffix(first, ".")
}

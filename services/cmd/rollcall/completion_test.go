package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// completions are words after rollcall, and what the last of them may become.
var completions = []struct {
	words []string
	want  []string
}{
	{[]string{"ret"}, []string{"retry"}},
	{[]string{"serve", "pe"}, []string{"persistence"}},
	{[]string{"serve", "--addr", "127.0.0.1:1", "i"}, []string{"iec"}},
	{[]string{"serve", "--iec-q"}, []string{"--iec-quota"}},
	{[]string{"--log-format", ""}, []string{"json", "text"}},
	{[]string{"--log-format", "json", "versi"}, []string{"version"}},
	{[]string{"upload", "--dry-run", "roll-"}, []string{"roll-in May.xlsx", "roll-june.csv"}},
	{[]string{"report", "job-1", "-o", "oth"}, []string{"other.txt"}},
	{[]string{"completion", ""}, []string{"bash", "fish", "zsh"}},
	{[]string{"watch", "job-1", "x"}, nil},
	{[]string{"__c"}, nil},
}

// Each shell runs the script that the program prints for it, and completes as it does at a
// prompt. The script calls this test binary under the name of the program.
func TestBashCompletes(t *testing.T) {
	testCompletion(t, "bash", "-c", `source ./script
		COMP_WORDS=(rollcall "$@"); COMP_CWORD=$#
		$(complete -p rollcall | sed 's/.*-F \([^ ]*\) .*/\1/')
		(( ${#COMPREPLY[@]} )) && printf '%s\n' "${COMPREPLY[@]}"
		exit 0`, "bash")
}

// Without a terminal, zsh has no completion system. So what the script passes to it is printed.
func TestZshCompletes(t *testing.T) {
	testCompletion(t, "zsh", "-f", "-c", `compdef() { completer=$1 }
		_describe() { print -l -- ${(P)2%%:*} }
		_files() { print -l -- ${words[CURRENT]}*(N) }
		source ./script
		words=(rollcall "$@"); CURRENT=$#words
		$completer
		exit 0`, "zsh")
}

func TestFishCompletes(t *testing.T) {
	testCompletion(t, "fish", "--no-config", "-c", `source ./script
		complete --escape -C "rollcall $argv" | string replace -r '\t.*' '' | string unescape
		exit 0`, "--")
}

func testCompletion(t *testing.T, shell string, args ...string) {
	dir := t.TempDir()
	self, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "rollcall")); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"script":           mustRun(t, "completion", shell),
		"roll-in May.xlsx": "", "roll-june.csv": "", "other.txt": "",
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range completions {
		cmd := exec.Command(shell, append(slices.Clone(args), c.words...)...)
		cmd.Dir = dir
		// A shell warns about a locale that the machine does not have.
		cmd.Env = append(os.Environ(), asRollcall+"=1", "LC_ALL=C", "HOME="+dir,
			"PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"))
		var errOut strings.Builder
		cmd.Stderr = &errOut
		out, err := cmd.Output()
		if err != nil || errOut.Len() > 0 {
			t.Fatalf("%q: %v\n%s", c.words, err, errOut.String())
		}
		var got []string
		if len(out) > 0 {
			got = strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.words, got, c.want)
		}
	}
}

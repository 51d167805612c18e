package release_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// instruction is an instruction of a Dockerfile, such as FROM or COPY.
type instruction struct {
	name        string
	args, flags []string
	json        bool
}

func dockerfile(t *testing.T) (stages [][]instruction) {
	t.Helper()
	f, err := os.Open("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	parsed, err := parser.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	if len(parsed.Warnings) > 0 {
		t.Errorf("warnings: %v", parsed.Warnings)
	}
	for _, node := range parsed.AST.Children {
		i := instruction{name: strings.ToUpper(node.Value), flags: node.Flags, json: node.Attributes["json"]}
		for n := node.Next; n != nil; n = n.Next {
			i.args = append(i.args, n.Value)
		}
		if i.name == "FROM" {
			stages = append(stages, nil)
		}
		if len(stages) > 0 {
			stages[len(stages)-1] = append(stages[len(stages)-1], i)
		}
	}
	return stages
}

func TestImageHasNoShellAndNoRootUser(t *testing.T) {
	stages := dockerfile(t)
	if len(stages) != 2 {
		t.Fatalf("%d stages", len(stages))
	}
	var user, certificates, program bool
	for _, i := range stages[1] {
		switch i.name {
		case "FROM":
			if i.args[0] != "scratch" {
				t.Errorf("the image is built on %s", i.args[0])
			}
		case "USER":
			user = i.args[0] == "65532:65532"
		case "COPY":
			certificates = certificates || i.args[1] == "/etc/ssl/certs/ca-certificates.crt"
		case "ENTRYPOINT", "CMD":
			if !i.json {
				t.Errorf("%s %v needs a shell", i.name, i.args)
			}
			program = program || i.name == "ENTRYPOINT" && slices.Equal(i.args, []string{"/rollcall"})
		case "RUN":
			t.Errorf("RUN %v in an image without a shell", i.args)
		}
	}
	if !user || !certificates || !program {
		t.Errorf("has a user that is not root: %v, certificates: %v, the program: %v", user, certificates, program)
	}
}

// The image has the same program as the release, and the files that it copies exist.
func TestImageIsBuiltLikeTheRelease(t *testing.T) {
	b := read(t).Builds[0]
	var command string
	for _, i := range dockerfile(t)[0] {
		switch i.name {
		case "RUN":
			if strings.Contains(i.args[0], "go build") {
				command = i.args[0]
			}
		case "COPY":
			for _, from := range i.args[:len(i.args)-1] {
				if _, err := os.Stat(filepath.Join(top, from)); err != nil {
					t.Error(err)
				}
			}
		}
	}
	for _, part := range slices.Concat(b.Env, b.Flags,
		[]string{"main.version=", "main.commit=", "main.date=", b.Main, b.Ldflags[0]}) {
		if !strings.Contains(command, part) {
			t.Errorf("%q is not in %q", part, command)
		}
	}
}

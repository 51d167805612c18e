package main

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"rollcall.example/events/embedded"
	"rollcall.example/services/app"
	"rollcall.example/services/postgres"
)

const deployDir = "../../deploy/"

var deployed = []string{"gateway", "iec", "persistence", "privacy", "report", "upload", "validation", "webhook"}

// allowedSecrets returns the variables with secrets that the container of a service may have.
func allowedSecrets(service string) []string {
	switch service {
	case "nats":
		list := []string{embedded.StoreKeyVariable}
		for _, user := range embedded.Users {
			list = append(list, embedded.PasswordVariable(user))
		}
		return list
	case "migrate":
		list := []string{embedded.PasswordVariable("provisioner")}
		for _, s := range postgres.RoleServices() {
			list = append(list, app.DatabasePasswordVariable(s))
		}
		return list
	case "iec":
		return []string{embedded.PasswordVariable(service), "ROLLCALL_IEC_USERNAME", "ROLLCALL_IEC_PASSWORD",
			"ROLLCALL_IEC_CACHE_KEY"}
	}
	list := []string{embedded.PasswordVariable(service)}
	switch service {
	case "upload", "validation", "persistence":
		list = append(list, "ROLLCALL_PRIVACY_KEY")
	case "privacy":
		list = append(list, "ROLLCALL_PRIVACY_KEY", "ROLLCALL_IEC_CACHE_KEY")
	}
	return list
}

// pinned matches an image that is what it was when somebody looked at it, whoever moves its tag.
var pinned = regexp.MustCompile(`^[\w./-]+(:[\w.-]+)?@sha256:[0-9a-f]{64}$`)

// ownImage is the program's in the manifests, until the digest of a push is in it. No engine takes it as it is.
const ownImage = "registry.example/rollcall@sha256:REPLACE-ME"

// fromFiles returns the variables that a container has, those among them for which it has files. Secrets must be files.
// mounted has the files with secrets that the container sees.
func fromFiles(t *testing.T, name string, environment map[string]string, mounted []string) (variables []string) {
	t.Helper()
	secrets := append(app.SecretVariables(), "ROLLCALL_DATABASE", "ROLLCALL_JWT_SECRET", "POSTGRES_PASSWORD")
	var read []string
	for variable, value := range environment {
		if slices.Contains(secrets, variable) {
			t.Errorf("%s has the secret %s in its environment", name, variable)
		}
		switch secret, isFile := strings.CutSuffix(variable, "_FILE"); {
		case variable == "ROLLCALL_NATS_SECRETS": // of start.sh
			for _, file := range mounted {
				if path.Dir(file) != value {
					t.Errorf("%s is not in %s", file, value)
				}
				variables = append(variables, path.Base(file))
			}
			read = mounted
		case isFile && slices.Contains(secrets, secret):
			if !slices.Contains(mounted, value) {
				t.Errorf("%s has no file %s for %s", name, value, variable)
			}
			variables, read = append(variables, secret), append(read, value)
		default:
			variables = append(variables, variable)
		}
	}
	if !sameNames(read, mounted) {
		t.Errorf("%s sees the secrets %v and reads %v", name, mounted, read)
	}
	return variables
}

var natsVariable = regexp.MustCompile(`\$(ROLLCALL_\w+)`)

// checkContainer checks that a container's command and variables are ones that this program
// or the configuration files of NATS know.
func checkContainer(t *testing.T, name string, args []string, variables []string) {
	t.Helper()
	known := allowedSecrets(name)
	if name == "nats" {
		var wanted []string
		files := []string{"../../../nats.conf"}
		if slices.ContainsFunc(args, func(a string) bool { return strings.HasSuffix(a, "cluster.conf") }) {
			files = append(files, deployDir+"nats/server.conf", deployDir+"nats/cluster.conf")
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range natsVariable.FindAllStringSubmatch(string(text), -1) {
				wanted = append(wanted, found[1])
			}
		}
		slices.Sort(wanted)
		if wanted = slices.Compact(wanted); !slices.Equal(slices.Sorted(slices.Values(variables)), wanted) {
			t.Errorf("nats has the variables %v, its configuration wants %v", variables, wanted)
		}
		return
	}
	var c cli
	parser, err := newParser(&c)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(parser.Model.Children, func(n *kong.Node) bool { return n.Name == args[0] })
	if i < 0 {
		t.Fatalf("%s: rollcall has no command %s", name, args[0])
	}
	node := parser.Model.Children[i]
	if want := []string{"serve", name}; name != "migrate" && !slices.Equal(args, want) {
		t.Errorf("%s runs %v", name, args)
	}
	flags := []string{}
	for _, group := range node.AllFlags(false) {
		for _, flag := range group {
			flags = append(flags, "--"+flag.Name)
			known = append(known, flag.Envs...)
		}
	}
	for _, arg := range args[1:] {
		if flag, _, _ := strings.Cut(arg, "="); strings.HasPrefix(flag, "--") && !slices.Contains(flags, flag) {
			t.Errorf("%s: rollcall %s has no flag %s", name, args[0], flag)
		}
	}
	for _, v := range variables {
		if !slices.Contains(known, v) {
			t.Errorf("%s: nothing reads %s", name, v)
		}
	}
	must := append(allowedSecrets(name), "ROLLCALL_NATS")
	if _, uses := map[string]bool{"migrate": true, "upload": true, "persistence": true, "privacy": true,
		"webhook": true}[name]; uses {
		must = append(must, "ROLLCALL_DATABASE")
	}
	if name == "upload" || name == "gateway" {
		must = append(must, "ROLLCALL_JWT_JWKS_URL", "ROLLCALL_JWT_ISSUER", "ROLLCALL_JWT_AUDIENCE",
			"ROLLCALL_TRUSTED_PROXIES")
	}
	if name == "iec" {
		must = append(must, "ROLLCALL_IEC_URL")
	}
	// With the secret of tokens, whoever gets into one container can act as anybody.
	for _, v := range variables {
		if strings.HasPrefix(v, "ROLLCALL_JWT_SECRET") {
			t.Errorf("%s can make tokens: it has %s", name, v)
		}
	}
	for _, v := range must {
		if !slices.Contains(variables, v) {
			t.Errorf("%s lacks %s", name, v)
		}
	}
}

// The Dockerfile builds packages that exist, with the version of Go that the modules want.
func TestTheDockerfileBuildsThisProgram(t *testing.T) {
	text, err := os.ReadFile(deployDir + "Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	work, err := os.ReadFile("../../../go.work")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(work)
	if version == nil || !bytes.Contains(text, append([]byte("FROM golang:"), version[1]...)) {
		t.Errorf("the image builds with another Go than go.work names: %s", version)
	}
	if !bytes.Contains(text, []byte(" ./services/cmd/rollcall\n")) {
		t.Error("it builds something else")
	}
}

// What an image is built on is named by digest, so that it is what was tested.
func TestImagesAreBuiltOnDigests(t *testing.T) {
	var files []string
	for _, pattern := range []string{"Dockerfile", "*/Dockerfile"} {
		found, err := filepath.Glob(deployDir + pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 2 {
		t.Fatalf("only %v", files)
	}
	from := regexp.MustCompile(`(?m)^FROM (\S+)(?: AS (\S+))?$`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		stages := []string{"scratch"}
		for _, found := range from.FindAllSubmatch(text, -1) {
			if image := string(found[1]); !slices.Contains(stages, image) && !pinned.MatchString(image) {
				t.Errorf("%s is built on %s, which can be another image tomorrow", file, image)
			}
			stages = append(stages, string(found[2]))
		}
		if len(stages) != 1+bytes.Count(text, []byte("\nFROM "))+bytes.Count(text[:5], []byte("FROM ")) {
			t.Errorf("%s: stages %v are not all", file, stages)
		}
	}
}

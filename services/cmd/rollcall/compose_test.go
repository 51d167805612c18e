package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

func TestTheComposeFileRunsEveryService(t *testing.T) {
	environment := types.Mapping{}
	example, err := os.ReadFile(deployDir + "example.env")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(example)) {
		if name, _, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			environment[name] = "filled-in"
		}
	}
	file, err := filepath.Abs(deployDir + "compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// The loader checks it against the schema of the compose specification, and fails on a
	// variable without a value.
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir: filepath.Dir(file), ConfigFiles: []types.ConfigFile{{Filename: file}}, Environment: environment,
	})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name, service := range project.Services {
		names = append(names, name)
		for _, missing := range unhardened(service) {
			t.Errorf("%s: %s", name, missing)
		}
		var mounted []string
		for _, secret := range service.Secrets {
			mounted = append(mounted, "/run/secrets/"+secret.Source)
			if want := "secrets/" + secret.Source; !strings.HasSuffix(project.Secrets[secret.Source].File, want) {
				t.Errorf("the secret %s is not the file %s: %+v", secret.Source, want, project.Secrets[secret.Source])
			}
		}
		env := map[string]string{}
		for variable, value := range service.Environment {
			env[variable] = *value
		}
		variables := fromFiles(t, name, env, mounted)
		if name == "postgres" || name == "proxy" {
			continue
		}
		checkContainer(t, name, service.Command, variables)
		if (service.HealthCheck == nil || service.HealthCheck.Disable) != (name == "migrate") {
			t.Errorf("%s: health is not asked for as it should be", name)
		}
		if proxy := project.Services["proxy"].Networks["front"]; (name == "upload" || name == "gateway") &&
			env["ROLLCALL_TRUSTED_PROXIES"] != proxy.Ipv4Address+"/32" {
			t.Errorf("%s believes %s, the proxy is %s", name, env["ROLLCALL_TRUSTED_PROXIES"], proxy.Ipv4Address)
		}
	}
	for _, volume := range project.Services["proxy"].Volumes {
		if volume.Type == types.VolumeTypeBind {
			if _, err := os.Stat(volume.Source); err != nil {
				t.Error(err)
			}
		}
	}
	if want := slices.Concat(deployed, []string{"migrate", "nats", "postgres", "proxy"}); !sameNames(names, want) {
		t.Errorf("services %v, want %v", names, want)
	}
}

// unhardened returns what a container may do and should not.
func unhardened(s types.ServiceConfig) (missing []string) {
	for what, ok := range map[string]bool{
		"its files can be written to":        s.ReadOnly,
		"it has capabilities":                slices.Equal(s.CapDrop, []string{"ALL"}) && len(s.CapAdd) == 0 && !s.Privileged,
		"it may gain privileges":             slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}),
		"it may start any number":            s.PidsLimit > 0 && s.PidsLimit <= 1024,
		"it may take all memory":             s.MemLimit > 0,
		"it may be root":                     regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(s.User),
		"its image can be another tomorrow":  s.Build != nil && s.PullPolicy == "build" || pinned.MatchString(s.Image),
		"it shares something of the machine": s.NetworkMode+s.Pid+s.Ipc+s.UserNSMode == "",
	} {
		if !ok {
			missing = append(missing, what)
		}
	}
	return missing
}

// The check finds each line that a container lacks.
func TestUnhardenedContainersAreFound(t *testing.T) {
	var good types.ServiceConfig
	good.ReadOnly, good.CapDrop, good.SecurityOpt = true, []string{"ALL"}, []string{"no-new-privileges:true"}
	good.PidsLimit, good.MemLimit, good.User = 1, 1, "1:1"
	good.Image = "nginx:1@sha256:" + strings.Repeat("a", 64)
	if missing := unhardened(good); missing != nil {
		t.Fatal(missing)
	}
	for name, spoil := range map[string]func(*types.ServiceConfig){
		"read_only":         func(s *types.ServiceConfig) { s.ReadOnly = false },
		"cap_drop":          func(s *types.ServiceConfig) { s.CapDrop = nil },
		"cap_add":           func(s *types.ServiceConfig) { s.CapAdd = []string{"CHOWN"} },
		"privileged":        func(s *types.ServiceConfig) { s.Privileged = true },
		"no-new-privileges": func(s *types.ServiceConfig) { s.SecurityOpt = nil },
		"pids_limit":        func(s *types.ServiceConfig) { s.PidsLimit = 0 },
		"mem_limit":         func(s *types.ServiceConfig) { s.MemLimit = 0 },
		"user":              func(s *types.ServiceConfig) { s.User = "0:0" },
		"digest":            func(s *types.ServiceConfig) { s.Image = "nginx:1" },
		"network_mode":      func(s *types.ServiceConfig) { s.NetworkMode = "host" },
	} {
		s := good
		if spoil(&s); len(unhardened(s)) != 1 {
			t.Errorf("without %s: %v", name, unhardened(s))
		}
	}
}

func sameNames(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

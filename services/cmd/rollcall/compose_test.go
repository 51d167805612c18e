package main

import (
	"os"
	"path/filepath"
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
		if service.MemLimit == 0 && service.Deploy == nil {
			t.Errorf("%s has no limit of memory", name)
		}
		if name == "postgres" || name == "proxy" {
			continue
		}
		var variables []string
		for v := range service.Environment {
			variables = append(variables, v)
		}
		checkContainer(t, name, service.Command, variables)
		if name == "nats" {
			continue
		}
		if !service.ReadOnly || !slices.Equal(service.CapDrop, []string{"ALL"}) || service.Build == nil {
			t.Errorf("%s: %+v", name, service)
		}
		if (service.HealthCheck == nil || service.HealthCheck.Disable) != (name == "migrate") {
			t.Errorf("%s: health is not asked for as it should be", name)
		}
	}
	for _, volume := range slices.Concat(project.Services["nats"].Volumes, project.Services["proxy"].Volumes) {
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

func sameNames(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Each unit of systemd gets the secrets of its service, and no more, as credentials.
func TestUnitsGetTheirSecretsAsCredentials(t *testing.T) {
	load := regexp.MustCompile(`^LoadCredential=(ROLLCALL_\w+):/etc/rollcall/secrets/(ROLLCALL_\w+)$`)
	for _, service := range deployed {
		text, err := os.ReadFile(deployDir + "systemd/rollcall@" + service + ".service.d/secrets.conf")
		if err != nil {
			t.Error(err)
			continue
		}
		var loaded, given []string
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			if found := load.FindStringSubmatch(line); found != nil {
				loaded = append(loaded, found[1])
				want := found[1]
				if want == "ROLLCALL_DATABASE" {
					want += "_" + strings.ToUpper(service)
				}
				if found[2] != want {
					t.Errorf("%s gets %s of %s", service, found[1], found[2])
				}
				given = append(given, "Environment="+found[1]+"_FILE=%d/"+found[1])
			} else if strings.HasPrefix(line, "Environment=") && !slices.Contains(given, line) {
				t.Errorf("%s: %s names no credential", service, line)
			}
		}
		for _, line := range given {
			if !strings.Contains(string(text), line+"\n") {
				t.Errorf("%s lacks %s", service, line)
			}
		}
		want := allowedSecrets(service)
		if slices.Contains([]string{"upload", "persistence", "webhook", "privacy"}, service) {
			want = append(want, "ROLLCALL_DATABASE")
		}
		if !sameNames(loaded, want) {
			t.Errorf("%s gets %v, want %v", service, loaded, want)
		}
	}
	for _, unit := range []string{"rollcall.service", "rollcall@.service"} {
		text, err := os.ReadFile(deployDir + "systemd/" + unit)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{
			"Environment=ROLLCALL_TRUSTED_PROXIES=127.0.0.1/32,::1/128", "NoNewPrivileges=yes", "CapabilityBoundingSet=",
			"ProtectSystem=strict", "DynamicUser=yes",
		} {
			if !strings.Contains(string(text), "\n"+line+"\n") {
				t.Errorf("%s lacks %s", unit, line)
			}
		}
		if !regexp.MustCompile(`(?m)^TasksMax=\d+$`).Match(text) ||
			!regexp.MustCompile(`(?m)^MemoryMax=\d+G$`).Match(text) {
			t.Errorf("%s may take all processes or memory", unit)
		}
	}
}

// What an operator fills in beside the examples goes neither into an image nor into the repository.
func TestSecretsOfTheExamplesStayOutOfImagesAndTheRepository(t *testing.T) {
	top := "../../../"
	for _, file := range []string{
		top + ".gitignore", top + ".dockerignore", deployDir + "release/Dockerfile.dockerignore",
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{".env", "secrets/?", "secrets.yaml"} {
			if !regexp.MustCompile(`(?m)^/?services/deploy/` + secret + `$`).Match(text) {
				t.Errorf("%s does not leave out %s", file, secret)
			}
		}
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"rollcall.example/services/doctor"
	"rollcall.example/services/iec/sim"
)

func TestDoctorPrintsWhatItFound(t *testing.T) {
	dir := t.TempDir()
	out, err := runCommand(t, "doctor", "--data", dir)
	if err != nil || !strings.Contains(out, "skipped  nats: give --nats to look at it\n") ||
		!strings.Contains(out, " 0 broken") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, healthy := range []bool{true, false} {
		args := []string{"doctor", "--json", "--data", dir}
		if !healthy {
			args = append(args, "--database", "postgres://u:p@"+freeAddr(t)+"/d?sslmode=disable")
		}
		out, err := runCommand(t, args...)
		var answer struct {
			Healthy  bool
			Findings doctor.Findings
		}
		if jerr := json.Unmarshal([]byte(out), &answer); jerr != nil {
			t.Fatalf("%v\n%s", jerr, out)
		}
		if answer.Healthy != healthy || healthy != (err == nil) || len(answer.Findings) < 6 {
			t.Errorf("%v: %s", err, out)
		}
	}
}

// The command wires the checks of tokens and of the IEC.
func TestDoctorTriesKeysAndCredentials(t *testing.T) {
	handler, err := sim.New(sim.Config{Username: "us", Password: "right"})
	if err != nil {
		t.Fatal(err)
	}
	iec := httptest.NewServer(handler)
	defer iec.Close()
	found := func(password string, args ...string) doctor.Findings {
		t.Helper()
		var out bytes.Buffer
		// The error only says that something is broken.
		_ = run(t.Context(), append([]string{"doctor", "--json", "--data", t.TempDir()}, args...), &out, &out,
			func(name string) string {
				return map[string]string{"ROLLCALL_IEC_USERNAME": "us", "ROLLCALL_IEC_PASSWORD": password}[name]
			})
		var answer struct{ Findings doctor.Findings }
		if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		return answer.Findings
	}
	state := func(list doctor.Findings, name string) doctor.State {
		i := slices.IndexFunc(list, func(f doctor.Finding) bool { return f.Name == name })
		if i < 0 {
			return ""
		}
		return list[i].State
	}
	good := found("right", "--iec-url", iec.URL, "--jwt-secret", secret)
	if state(good, "sign-in at the IEC") != doctor.Fine || state(good, "keys of tokens") != doctor.Fine {
		t.Errorf("all is right: %+v", good)
	}
	wrong := found("wrong", "--iec-url", iec.URL, "--jwt-jwks-file", "/nowhere", "--jwt-issuer", "us",
		"--jwt-audience", "rollcall")
	if state(wrong, "address of the IEC") != doctor.Fine || state(wrong, "keys of tokens") != doctor.Broken {
		t.Errorf("a wrong password and no file: %+v", wrong)
	}
	none := found("right", "--iec-url", iec.URL, "--jwt-secret-file", "/nowhere")
	if state(none, "keys of tokens") != doctor.Broken {
		t.Errorf("no file with a secret: %+v", none)
	}
	i := slices.IndexFunc(wrong, func(f doctor.Finding) bool { return f.Name == "sign-in at the IEC" })
	if i < 0 || !strings.Contains(wrong[i].Mend, "ROLLCALL_IEC_PASSWORD") {
		t.Errorf("a wrong password: %+v", wrong)
	}
	if bad := found("right", "--iec-url", "ftp://iec"); state(bad, "address of the IEC") != doctor.Broken {
		t.Errorf("an address that is none: %+v", bad)
	}
}

// While up runs, the data folder is the only flag that doctor needs.
func TestDoctorOfUp(t *testing.T) {
	dir := t.TempDir()
	startUp(t, dir)
	out := mustRun(t, "doctor", "--data", dir)
	for _, line := range []string{"ok       nats as operator", "ok       permissions of operator", "ok       stream BULK",
		"ok       consumer projection", "ok       clock of nats", " 0 broken"} {
		if !strings.Contains(out, line+"\n") && !strings.Contains(out, line+",") {
			t.Errorf("no line %q in\n%s", line, out)
		}
	}
}

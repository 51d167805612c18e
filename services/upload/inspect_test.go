package upload_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"rollcall.example/services/api/apitest"
)

// inspect sends a form to be looked at.
func (r *rig) inspect(who string, parts ...string) apitest.Reply {
	r.T.Helper()
	body, contentType := apitest.Form(r.T, parts...)
	return r.Do(who, http.MethodPost, "/inspect", body, contentType)
}

func TestAFileThatIsLookedAtIsNotStored(t *testing.T) {
	dir := t.TempDir()
	r := newRig(t, func(c *apitest.Config) { c.Upload.Store.SpoolDir = dir })
	roll := apitest.Workbook(t, []string{"Identity No.", "Shoe"}, []string{"8001015009087", "8"}, []string{"1", "9"})
	a := r.inspect("alice member", "file", roll, "dry_run", "true")
	if a.Status != http.StatusOK || strings.Contains(string(a.Raw), "8001015009087") {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	columns := a.Data["columns"].([]any)
	first, second := columns[0].(map[string]any), columns[1].(map[string]any)
	if len(columns) != 2 || first["field"] != "id_number" || second["field"] != nil || second["why"] != "unknown" {
		t.Errorf("columns %v", columns)
	}
	counts := a.Data["counts"].(map[string]any)
	if counts["total_records"] != 2.0 || counts["valid_ids"] != 1.0 || counts["invalid_ids"] != 1.0 {
		t.Errorf("counts %v", counts)
	}
	files, err := os.ReadDir(dir)
	if n, countErr := r.Intake.CountRefused(t.Context(), "alice"); !r.Empty() || err != nil || len(files) > 0 ||
		countErr != nil || n != 0 {
		t.Errorf("something was left behind: %v, %v, %d refused, %v", files, err, n, countErr)
	}
}

// A mapping is tried here before an upload is made with it.
func TestAMappingIsTried(t *testing.T) {
	r := newRig(t)
	file := "Kode,Ward\n8001015009087,79800001\n"
	a := r.inspect("alice member", "mapping", `{"Kode":"id_number","Ward":null}`, "file", file)
	if a.Status != http.StatusOK || a.Data["counts"].(map[string]any)["valid_ids"] != 1.0 {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	if why := a.Data["columns"].([]any)[1].(map[string]any)["why"]; why != "left_out" {
		t.Errorf("the ward is %v", why)
	}
	a = r.inspect("alice member", "mapping", `{"Nummer":"id_number"}`, "file", file)
	if a.Status != http.StatusUnprocessableEntity || a.Error.Code != "bad_mapping" {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
}

// A file without a roll is told, for it is the one to be looked at.
func TestAFileWithoutARollIsTold(t *testing.T) {
	r := newRig(t)
	a := r.inspect("alice member", "file", "Surname,Ward\nNel,79800001\n")
	refused, ok := a.Data["refusal"].(map[string]any)
	if a.Status != http.StatusOK || !ok || refused["code"] != "no_id_column" {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
}

// What looks at files has the limits of what takes them.
func TestFilesThatAreLookedAtAreLimited(t *testing.T) {
	now := time.Now()
	r := newRig(t, func(c *apitest.Config) {
		c.Upload.UserUploads = 4
		c.Upload.Now = func() time.Time { return now }
	})
	for _, c := range []struct {
		parts  []string
		status int
		code   string
	}{
		{nil, http.StatusBadRequest, "no_file"},
		{[]string{"file", ""}, http.StatusBadRequest, "empty_file"},
		{[]string{"file", strings.Repeat("x", 1<<20+1)}, http.StatusRequestEntityTooLarge, "file_too_large"},
		{[]string{"file", "PK\x03\x04 no workbook"}, http.StatusUnsupportedMediaType, "not_a_zip"},
	} {
		if a := r.inspect("alice member", c.parts...); a.Status != c.status || a.Error.Code != c.code {
			t.Errorf("%d %s", a.Status, a.Raw)
		}
	}
	if n, err := r.Intake.CountRefused(t.Context(), "alice"); err != nil || n != 3 {
		t.Errorf("%d refused files, %v", n, err)
	}
	r.Upload("alice member")
	limited(t, r.inspect("alice member", "file", apitest.Roll(t)), "uploads_per_hour", 4, 50*time.Minute,
		time.Hour+time.Second)
	if a := r.inspect("bob member", "file", apitest.Roll(t)); a.Status != http.StatusOK {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
	if a := r.inspect("carol information_officer", "file", apitest.Roll(t)); a.Status != http.StatusForbidden {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
}

package apitest

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"testing"

	"github.com/tealeg/xlsx/v3"
)

// Form makes a form of fields and values in turn; the field named file is a file,
// called Roll März.xlsx.
func Form(t *testing.T, parts ...string) (body io.Reader, contentType string) {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for i := 0; i < len(parts); i += 2 {
		var w io.Writer
		var err error
		if parts[i] == "file" {
			w, err = form.CreateFormFile("file", "Roll März.xlsx")
		} else {
			w, err = form.CreateFormField(parts[i])
		}
		if err == nil {
			_, err = io.WriteString(w, parts[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	return &b, form.FormDataContentType()
}

// SendForm uploads a Form.
func (r *Rig) SendForm(who string, parts ...string) Reply {
	r.T.Helper()
	body, contentType := Form(r.T, parts...)
	return r.Do(who, http.MethodPost, "/process", body, contentType)
}

// Upload uploads a roll of one row, with these fields beside it, and returns the job.
func (r *Rig) Upload(who string, parts ...string) (jobID string) {
	r.T.Helper()
	roll := Workbook(r.T, []string{"ID Number", "Name"}, []string{"8001015009087", "A"})
	a := r.SendForm(who, append(parts, "file", roll)...)
	if a.Status != http.StatusAccepted {
		r.T.Fatalf("upload: %d %s", a.Status, a.Raw)
	}
	return a.Data["job_id"].(string)
}

// Workbook is an .xlsx file of these rows.
func Workbook(t *testing.T, rows ...[]string) string {
	t.Helper()
	file := xlsx.NewFile()
	sheet, err := file.AddSheet("Sheet1")
	if err != nil {
		t.Fatal(err)
	}
	for _, cells := range rows {
		row := sheet.AddRow()
		for _, c := range cells {
			row.AddCell().SetString(c)
		}
	}
	var b bytes.Buffer
	if err := file.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Roll is a workbook that is a roll of one member.
func Roll(t *testing.T) string {
	t.Helper()
	return Workbook(t, []string{"ID Number"}, []string{"8001015009087"})
}

package client

import (
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
)

// UploadOptions say what becomes of the rows of a file. The zero value has them
// checked, asks the IEC about them and writes them to the database.
type UploadOptions struct {
	// DryRun writes nothing to the database.
	DryRun bool
	// SkipIEC asks the IEC about nobody.
	SkipIEC bool
	// Key makes uploads with the same key one job, for those that are sent again
	// because nobody heard the answer; "" makes each a job. Upload only.
	Key string
}

func (o UploadOptions) fields() map[string]string {
	return map[string]string{
		"dry_run":          strconv.FormatBool(o.DryRun),
		"iec_verification": strconv.FormatBool(!o.SkipIEC),
	}
}

// Upload sends a file in one request, without holding it in memory, and returns the
// id of the job that begins.
func (c *Client) Upload(ctx context.Context, name string, file io.Reader, o UploadOptions) (jobID string, err error) {
	pr, pw := io.Pipe()
	form := multipart.NewWriter(pw)
	go func() { pw.CloseWithError(writeForm(form, name, file, o)) }()
	defer func() { _ = pr.Close() }() // ends the writer when the server answered early
	header := http.Header{"Content-Type": {form.FormDataContentType()}}
	if o.Key != "" {
		header.Set("Idempotency-Key", o.Key)
	}
	var data struct {
		JobID string `json:"job_id"`
	}
	err = c.call(ctx, http.MethodPost, "/process", pr, header, &data)
	return data.JobID, err
}

func writeForm(form *multipart.Writer, name string, file io.Reader, o UploadOptions) error {
	for field, value := range o.fields() {
		if err := form.WriteField(field, value); err != nil {
			return err
		}
	}
	part, err := form.CreateFormFile("file", name)
	if err != nil {
		return err
	}
	if _, err := io.Copy(part, file); err != nil {
		return err
	}
	return form.Close()
}

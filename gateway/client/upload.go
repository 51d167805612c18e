package client

import (
	"context"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"

	"rollcall.example/events"
)

// UploadOptions say what to do with the rows of a file. The zero value checks them, asks
// the IEC about them and writes them to the database.
type UploadOptions struct {
	// DryRun: write nothing to the database.
	DryRun bool
	// SkipIEC: ask the IEC about nobody.
	SkipIEC bool
	// Mapping says what the columns are: from the text of a header, or the letter of a
	// column, to a field of package schema, or to "" to leave the column out. Nil leaves
	// it to the headers.
	Mapping map[string]string
	// Mode says which people may be written.
	Mode events.Mode
	// AllowClear: a cell with (clear) empties that field of a member.
	AllowClear bool
	// Follows is the id of the job whose rows this file corrects; "" for none.
	Follows string
	// Key is an idempotency key: uploads with the same key become one job. Use it to
	// repeat an upload whose answer was lost. "" makes each upload a job of its own.
	// Only Upload uses it.
	Key string
}

func (o UploadOptions) fields() map[string]string {
	fields := map[string]string{
		"dry_run":          strconv.FormatBool(o.DryRun),
		"iec_verification": strconv.FormatBool(!o.SkipIEC),
	}
	if len(o.Mapping) > 0 {
		fields["mapping"] = EncodeMapping(o.Mapping)
	}
	if o.Mode != events.ModeUpsert {
		fields["mode"] = string(o.Mode)
	}
	if o.AllowClear {
		fields["allow_clear"] = "true"
	}
	if o.Follows != "" {
		fields["follows"] = o.Follows
	}
	return fields
}

// EncodeMapping returns the JSON of a mapping, as UploadOptions has it.
func EncodeMapping(mapping map[string]string) string {
	object := make(map[string]*string, len(mapping))
	for header, field := range mapping {
		object[header] = nil
		if field != "" {
			object[header] = &field
		}
	}
	text, _ := json.Marshal(object) // of texts, which have a form in JSON
	return string(text)
}

// Upload sends a file in one request, without holding it in memory, and returns the id of
// the new job.
func (c *Client) Upload(ctx context.Context, name string, file io.Reader, o UploadOptions) (jobID string, err error) {
	var data struct {
		JobID string `json:"job_id"`
	}
	err = c.sendForm(ctx, "/process", name, file, o, &data)
	return data.JobID, err
}

// Inspect sends a file to be looked at, without a job, and decodes into out what would be
// read of it; openapi.yaml describes it as an inspection. Only o.Mapping means something.
func (c *Client) Inspect(ctx context.Context, name string, file io.Reader, o UploadOptions, out any) error {
	return c.sendForm(ctx, "/inspect", name, file, UploadOptions{Mapping: o.Mapping}, out)
}

// sendForm sends a file as a form to a path, without holding it in memory.
func (c *Client) sendForm(
	ctx context.Context, path, name string, file io.Reader, o UploadOptions, out any,
) error {
	pr, pw := io.Pipe()
	form := multipart.NewWriter(pw)
	go func() { pw.CloseWithError(writeForm(form, name, file, o)) }()
	defer func() { _ = pr.Close() }() // ends the writer if the server has answered early
	header := http.Header{"Content-Type": {form.FormDataContentType()}}
	if o.Key != "" {
		header.Set("Idempotency-Key", o.Key)
	}
	return c.call(ctx, http.MethodPost, path, pr, header, out)
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

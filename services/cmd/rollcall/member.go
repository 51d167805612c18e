package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"rollcall.example/gateway/client"
)

type memberCmd struct {
	serverSettings
	ID   string     `arg:"" help:"The ID number, 13 digits."`
	AsOf *time.Time `env:"-" placeholder:"TIME" help:"Only jobs uploaded until then, such as 2026-03-01T08:00:00Z."`
	JSON bool       `env:"-" name:"json" help:"Print all that is known, as JSON."`
}

// memberStory is the server's answer.
type memberStory struct {
	ID       string
	Chapters []struct {
		JobID      string    `json:"job_id"`
		FileName   string    `json:"file_name"`
		UploadedBy string    `json:"uploaded_by"`
		UploadedAt time.Time `json:"uploaded_at"`
		ApprovedBy string    `json:"approved_by"`
		ApprovedAt time.Time `json:"approved_at"`
		Removed    bool
		Row        *struct {
			Row int
			rowHistory
		}
	}
}

// Run prints the story of a member.
func (c *memberCmd) Run(ctx context.Context, p *process) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	body := map[string]any{"id_number": c.ID}
	if c.AsOf != nil {
		body["as_of"] = c.AsOf
	}
	var raw json.RawMessage
	if err := client.CallWith(ctx, api, http.MethodPost, "/members/story", body, &raw); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.out, raw)
	}
	var story memberStory
	if err := json.Unmarshal(raw, &story); err != nil {
		return err
	}
	fmt.Fprintf(p.out, "%s is named in %d rows of jobs that you may read.\n", story.ID, len(story.Chapters))
	for _, chapter := range story.Chapters {
		fmt.Fprintf(p.out, "\n%s  %s, uploaded by %s, %s\n", chapter.JobID, chapter.FileName, chapter.UploadedBy,
			chapter.UploadedAt.Local().Format(time.DateTime))
		if chapter.ApprovedBy != "" {
			fmt.Fprintf(p.out, "approved  by %s, %s\n", chapter.ApprovedBy, chapter.ApprovedAt.Local().Format(time.DateTime))
		}
		if chapter.Row == nil {
			fmt.Fprintln(p.out, "What the row held is kept no longer.")
			continue
		}
		fmt.Fprintf(p.out, "row       %d\n", chapter.Row.Row)
		chapter.Row.print(p.out)
	}
	return nil
}

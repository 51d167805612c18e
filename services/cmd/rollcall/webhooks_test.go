package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall.example/events"
)

// Each command of webhooks asks what it says and prints what it got.
func TestWebhooksCommand(t *testing.T) {
	var got []string
	state := "pending"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = append(got, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/api/v1/bulk-upload")+" "+string(body))
		hook := `{"id":"wh-1","url":"https://a.example","job_id":null,"events":["failed"],"failures":2,` +
			`"failing_since":"2026-01-01T00:00:00Z","disabled_at":null,"disabled_reason":null,"old_secret_until":null`
		test := func(state string) string {
			return `{"job_id":null,"event":"test","seq":null,"state":"` + state + `","attempts":1,"status":204,` +
				`"error":null,"created_at":"2026-01-01T00:00:00Z"}`
		}
		data := "{}"
		switch {
		case strings.HasSuffix(r.URL.Path, "/deliveries"):
			data = `{"deliveries":[` + test(state) + `]}`
			state = "delivered"
		case strings.HasSuffix(r.URL.Path, "/test"):
			data = test("pending")
		case r.Method == http.MethodGet:
			data = `{"webhooks":[` + hook + `}]}`
		case r.Method == http.MethodPost:
			data = hook + `,"secret":"whsec_x"}`
		}
		_, _ = io.WriteString(w, `{"success":true,"message":"m","data":`+data+`}`) // the test sees what came
	}))
	defer server.Close()
	settings := serverSettings{Server: server.URL, Token: "t"}
	one := webhookID{settings, "wh-1"}
	for _, tt := range []struct {
		command interface {
			Run(ctx context.Context, p *process) error
		}
		asked, printed string
	}{
		{&webhookAddCmd{settings, "https://a.example", "", []events.Kind{"warned"}},
			`POST /webhooks {"url":"https://a.example","events":["warned"]}`, "wh-1\nwhsec_x\n"},
		{&webhookListCmd{settings}, "GET /webhooks ", "failing since"},
		{&webhookRotateCmd{one}, "POST /webhooks/wh-1/rotate ", "whsec_x\n"},
		{&webhookTestCmd{one, time.Minute}, "POST /webhooks/wh-1/test ", "The server answered 204.\n"},
		{&webhookDeliveriesCmd{one}, "GET /webhooks/wh-1/deliveries ", "delivered"},
		{&webhookRemoveCmd{one}, "DELETE /webhooks/wh-1 ", ""},
	} {
		var out bytes.Buffer
		got = nil
		if err := tt.command.Run(t.Context(), &process{out: &out}); err != nil {
			t.Errorf("%s: %v", tt.asked, err)
		}
		if !slices.Contains(got, tt.asked) || !strings.Contains(out.String(), tt.printed) {
			t.Errorf("%s: asked %q, printed %q", tt.asked, got, out.String())
		}
	}
}

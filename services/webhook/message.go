package webhook

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"rollcall.example/events"
)

// message is what is posted.
type message struct {
	id    string // the same at each attempt
	body  []byte
	trace string // of the event; "" for a test
}

// cloudEvent is an event in the structured mode of CloudEvents.
type cloudEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject"`
	Time            string          `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	Data            json.RawMessage `json:"data"`
}

// makeMessage makes the message of a delivery: of its event in the stream, or of a test.
func (s *Service) makeMessage(ctx context.Context, d delivery) (message, error) {
	if d.Kind == string(events.KindWebhookTest) {
		return s.makeTest(d)
	}
	m, err := events.Find(ctx, s.cfg.JetStream, d.JobID, events.Kind(d.Kind), uint64(d.Seq))
	if err != nil {
		return message{}, err
	}
	if m == nil {
		return message{}, errEventMissing
	}
	h := m.Header
	return marshalMessage(cloudEvent{
		SpecVersion: h.Get(events.HeaderSpecVersion), ID: h.Get(events.HeaderID), Source: h.Get(events.HeaderSource),
		Type:    h.Get(events.HeaderType),
		Subject: h.Get(events.HeaderSubject), Time: h.Get(events.HeaderTime),
		DataContentType: h.Get(events.HeaderContentType), Data: m.Data,
	}, h.Get(events.HeaderTrace))
}

// makeTest makes the message of a test. It is about the webhook and no job.
func (s *Service) makeTest(d delivery) (message, error) {
	data, err := json.Marshal(map[string]string{
		"type": d.Kind, "webhook_id": d.WebhookID, "message": "This is a test. No job is meant.",
	})
	if err != nil {
		return message{}, err
	}
	return marshalMessage(cloudEvent{
		SpecVersion: "1.0", ID: "test-" + d.WebhookID + strconv.FormatInt(d.Seq, 10), Source: "/rollcall/webhook",
		Type: "rollcall.webhook.test", Subject: d.WebhookID, Time: s.cfg.Now().UTC().Format(time.RFC3339Nano),
		DataContentType: "application/json", Data: data,
	}, "")
}

func marshalMessage(e cloudEvent, trace string) (message, error) {
	body, err := json.Marshal(e)
	return message{id: e.ID, body: body, trace: trace}, err
}

package postgres_test

import (
	"io/fs"
	"testing"

	"github.com/pressly/goose/v3"

	"rollcall.example/events"
	"rollcall.example/schema"
	"rollcall.example/services/postgres"
	"rollcall.example/services/postgres/postgrestest"
)

// What is stored of earlier deliveries tells nothing of the network, and earlier rows are
// of the user by the id of now.
func TestMigrationTakesTheNetworkOutOfOldDeliveries(t *testing.T) {
	const id = "8001015009087"
	db := open(t, postgrestest.URL(t))
	files, err := fs.Sub(schema.Migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db.DB, files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.DownTo(t.Context(), 14); err != nil {
		t.Fatal(err)
	}
	db.MustExec(`INSERT INTO webhooks (id, owner_id, url, kinds, secret, created_at)
VALUES ('wh-1', $1, 'https://a.example', '{failed}', 's', now()),
('wh-2', 'alice', 'https://a.example', '{failed}', 's', now())`, id)
	db.MustExec(`INSERT INTO webhook_deliveries (webhook_id, seq, job_id, kind, state, status, error) VALUES
('wh-1', 1, 'j', 'failed', 'failed', NULL, 'dial tcp: lookup db.internal on 10.0.0.2:53: no such host'),
('wh-1', 2, 'j', 'failed', 'failed', NULL, 'the event is not in the stream any more'),
('wh-1', 3, 'j', 'failed', 'failed', 502, 'the receiver answered 502')`)
	if err := postgres.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	var texts, owners []string
	if err := db.Select(&texts, `SELECT error FROM webhook_deliveries ORDER BY seq`); err != nil {
		t.Fatal(err)
	}
	if err := db.Select(&owners, `SELECT owner_id FROM webhooks ORDER BY id`); err != nil {
		t.Fatal(err)
	}
	if texts[0] != "the receiver could not be reached" || texts[1] != "the event is not in the stream any more" ||
		texts[2] != "the receiver answered 502" {
		t.Errorf("%q", texts)
	}
	if owners[0] != events.UserID(id) || owners[1] != "alice" {
		t.Errorf("%q", owners)
	}
}

package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/services/postgres"
)

// What a service opens here becomes a condition of its health.

// serviceNATS opens a connection of a service. Once NATS has closed it for good, the App
// ends: what would stay would look alive and do nothing.
func (a *App) serviceNATS(ctx context.Context, user string) (js jetstream.JetStream, err error) {
	err = a.door.await(ctx, "nats as "+user, func(context.Context) error {
		js, err = a.NATS(user)
		return err
	})
	if err != nil {
		return nil, err
	}
	a.run = append(a.run, func(ctx context.Context) error { return events.WatchClosed(ctx, js) })
	return js, nil
}

// needsNATS opens a service's connection and makes it a condition of health.
func (a *App) needsNATS(ctx context.Context, user string) (jetstream.JetStream, error) {
	js, err := a.serviceNATS(ctx, user)
	if err != nil {
		return nil, err
	}
	a.needs("nats as "+user, func(context.Context) error {
		if nc := js.Conn(); !nc.IsConnected() {
			return fmt.Errorf("not connected: %s", nc.Status())
		}
		return nil
	})
	return js, nil
}

// store returns the store of artifacts, which is counted. The given buckets become
// conditions of health.
func (a *App) store(js jetstream.JetStream, buckets ...string) *events.Store {
	for _, name := range buckets {
		a.needsStored(js, "bucket "+name, func(ctx context.Context) error {
			_, err := js.ObjectStore(ctx, name)
			return err
		})
	}
	return a.metrics.CountArtifacts(events.NewStore(js))
}

// needsKeyValue waits for a bucket, opens it and makes it a condition of health.
func (a *App) needsKeyValue(ctx context.Context, js jetstream.JetStream, name string) (jetstream.KeyValue, error) {
	var kv jetstream.KeyValue
	err := a.door.ask(ctx, "bucket "+name, func(ctx context.Context) (err error) {
		kv, err = js.KeyValue(ctx, name)
		return migratable(err)
	})
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", name, err)
	}
	a.needsStored(js, "bucket "+name, func(ctx context.Context) error { _, err := js.KeyValue(ctx, name); return err })
	return kv, nil
}

// needsStream waits for a stream, and makes it a condition of health.
func needsStream(ctx context.Context, a *App, js jetstream.JetStream, name string) error {
	look := func(ctx context.Context) error { _, err := js.Stream(ctx, name); return migratable(err) }
	if err := a.door.ask(ctx, "stream "+name, look); err != nil {
		return fmt.Errorf("stream %s: %w", name, err)
	}
	a.needsStored(js, "stream "+name, look)
	return nil
}

// needsConsumer waits for a durable consumer of facts, makes it a condition of health, and
// has it measured.
func (a *App) needsConsumer(ctx context.Context, js jetstream.JetStream, name string) error {
	if err := awaitConsumer(ctx, a, js, events.StreamFacts, name); err != nil {
		return err
	}
	a.metrics.CollectConsumer(js, name)
	return needsTime(ctx, a, events.ConsumerTime(js, name))
}

// awaitConsumer waits for a durable consumer, and makes it a condition of health.
func awaitConsumer(ctx context.Context, a *App, js jetstream.JetStream, stream, name string) error {
	look := func(ctx context.Context) error {
		_, err := js.Consumer(ctx, stream, name)
		return migratable(err)
	}
	if err := a.door.ask(ctx, "consumer "+name, look); err != nil {
		return fmt.Errorf("consumer %s: %w", name, err)
	}
	a.needsStored(js, "consumer "+name, look)
	return nil
}

// needsStored makes it a condition of health that NATS has something.
func (a *App) needsStored(js jetstream.JetStream, name string, look func(context.Context) error) {
	a.needs(name, func(ctx context.Context) error {
		if !js.Conn().IsConnected() {
			return errors.New("nats is not connected") // an answer would be waited for in vain
		}
		return migratable(look(ctx))
	})
}

// needs makes something a condition of health, once, however many services of the
// process need it.
func (a *App) needs(name string, look func(context.Context) error) {
	if slices.ContainsFunc(a.checks, func(c check) bool { return c.name == name }) {
		return
	}
	a.checks = append(a.checks, check{name: name, ok: look})
}

// migratable says what to do about something that should have been provisioned.
func migratable(err error) error {
	if errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrConsumerNotFound) ||
		errors.Is(err, jetstream.ErrBucketNotFound) {
		return fmt.Errorf("%w: run rollcall migrate", err)
	}
	return err
}

// needsDatabase returns the database as a service has it, which becomes a condition of
// health.
func (a *App) needsDatabase(service string) (*sqlx.DB, error) {
	db, name, pool := a.db, "database", "rollcall"
	if own, ok := a.roles[service]; ok {
		db, name, pool = own, "database as "+service, postgres.Role(service)
	}
	if db == nil {
		return nil, errNoDatabase
	}
	if !slices.ContainsFunc(a.checks, func(c check) bool { return c.name == name }) {
		a.metrics.CollectDatabase(db.DB, pool)
	}
	a.needs(name, func(ctx context.Context) error { return postgres.Ready(ctx, db) })
	return db, nil
}

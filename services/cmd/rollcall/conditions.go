package main

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

// connected opens a service's connection and makes it a condition of health.
func (a *app) connected(user string) (jetstream.JetStream, error) {
	js, err := a.user(user)
	if err != nil {
		return nil, err
	}
	a.checks = append(a.checks, check{name: "nats as " + user, ok: func(context.Context) error {
		if nc := js.Conn(); !nc.IsConnected() {
			return fmt.Errorf("not connected: %s", nc.Status())
		}
		return nil
	}})
	return js, nil
}

// store is over the given buckets, which become conditions of health, and is counted.
func (a *app) store(js jetstream.JetStream, buckets ...string) *events.Store {
	for _, name := range buckets {
		a.stored(js, "bucket "+name, func(ctx context.Context) error { _, err := js.ObjectStore(ctx, name); return err })
	}
	return a.metrics.Artifacts(events.NewStore(js))
}

// keyValue opens a bucket and makes it a condition of health.
func (a *app) keyValue(js jetstream.JetStream, name string) (jetstream.KeyValue, error) {
	kv, err := js.KeyValue(context.Background(), name)
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", name, migratable(err))
	}
	a.stored(js, "bucket "+name, func(ctx context.Context) error { _, err := js.KeyValue(ctx, name); return err })
	return kv, nil
}

// consumer makes a durable consumer a condition of health, and is measured.
func (a *app) consumer(js jetstream.JetStream, name string) {
	a.metrics.Consumer(js, name)
	a.stored(js, "consumer "+name, func(ctx context.Context) error {
		_, err := js.Consumer(ctx, events.StreamFacts, name)
		return err
	})
}

// stored is found for what NATS keeps.
func (a *app) stored(js jetstream.JetStream, name string, look func(context.Context) error) {
	a.found(name, func(ctx context.Context) error {
		if !js.Conn().IsConnected() {
			return errors.New("nats is not connected") // it would be waited for in vain
		}
		return migratable(look(ctx))
	})
}

// found makes it a condition of health that something is there, once, however
// many services of the process need it.
func (a *app) found(name string, look func(context.Context) error) {
	if slices.ContainsFunc(a.checks, func(c check) bool { return c.name == name }) {
		return
	}
	a.checks = append(a.checks, check{name: name, ok: look})
}

// migratable says what to do about something that should have been provisioned.
func migratable(err error) error {
	if errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrBucketNotFound) {
		return fmt.Errorf("%w: run rollcall migrate", err)
	}
	return err
}

// databaseOf is the database as a service has it, which becomes a condition of health.
func (a *app) databaseOf(service string) (*sqlx.DB, error) {
	db, name, pool := a.db, "database", "rollcall"
	if own, ok := a.roles[service]; ok {
		db, name, pool = own, "database as "+service, postgres.Role(service)
	}
	if db == nil {
		return nil, errors.New("no database: give --database")
	}
	if !slices.ContainsFunc(a.checks, func(c check) bool { return c.name == name }) {
		a.metrics.Database(db.DB, pool)
	}
	a.found(name, func(ctx context.Context) error { return postgres.Ready(ctx, db) })
	return db, nil
}

package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"rollcall.example/services/postgres"
)

// upDatabase opens the given database, or runs a private one, and brings its tables up to
// date. It returns where the service privacy reaches it.
func upDatabase(ctx context.Context, a *App, dir *dataFolder, url string) (privacyURL string, err error) {
	if url == "" {
		ctx, cancel := context.WithTimeout(ctx, startTime)
		defer cancel()
		srv, err := a.privatePostgres(ctx, dir)
		if err != nil {
			return "", err
		}
		return a.ownRoles(ctx, srv, dir)
	}
	return url, a.door.await(ctx, "database", func(ctx context.Context) error {
		db, err := a.OpenDatabase(ctx, url)
		if err != nil {
			return err
		}
		return postgres.Migrate(ctx, db)
	})
}

// privatePostgres starts a PostgreSQL of the process's own.
func (in *Infrastructure) privatePostgres(ctx context.Context, dir *dataFolder) (*postgres.Server, error) {
	srv, err := postgres.Start(ctx, postgres.Config{Dir: dir.join("postgres"), Logger: in.logger})
	if err != nil {
		return nil, err
	}
	in.closeLater(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		return srv.Stop(ctx)
	})
	in.watchers = append(in.watchers, func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return nil
		case <-srv.Done():
			return fmt.Errorf("the private PostgreSQL has stopped, its log is in %s: %w", dir.join("postgres"), srv.Err())
		}
	})
	return srv, nil
}

// ownRoles brings the tables of the process's own PostgreSQL up to date, as their
// owner, and connects each service as its role, with a password that is made up and
// kept in the data folder. It returns the URL of the role of privacy.
func (in *Infrastructure) ownRoles(
	ctx context.Context, srv *postgres.Server, dir *dataFolder,
) (privacyURL string, err error) {
	owner, err := postgres.Open(ctx, srv.URL())
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, owner.Close()) }()
	if err := postgres.Migrate(ctx, owner); err != nil {
		return "", err
	}
	passwords := map[string]string{}
	for _, service := range postgres.RoleServices() {
		if passwords[service], err = dir.secret("database-password-" + service); err != nil {
			return "", err
		}
	}
	if _, err := postgres.Grant(ctx, owner, passwords); err != nil {
		return "", err
	}
	in.roles = map[string]*sqlx.DB{}
	for service, password := range passwords {
		db, err := postgres.Open(ctx, srv.RoleURL(service, password))
		if err != nil {
			return "", fmt.Errorf("as role %s: %w", postgres.Role(service), err)
		}
		in.roles[service] = db
		in.closeLater(db.Close)
	}
	return srv.RoleURL("privacy", passwords["privacy"]), nil
}

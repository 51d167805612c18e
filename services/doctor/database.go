package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"rollcall.example/services/postgres"
)

// examineDatabase looks at the connection, the tables and the clock.
func (d *doctor) examineDatabase(ctx context.Context) {
	if d.Database == "" {
		d.add("database", Skipped, "give --database to look at it", "")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*answerTime)
	defer cancel()
	db, err := postgres.Open(ctx, d.Database)
	if !d.judge("database", err, "Start PostgreSQL, or correct --database: host, port, user, password, sslmode.") {
		return
	}
	defer func() { _ = db.Close() }() // nothing was written
	have, known, err := postgres.Versions(ctx, db)
	const name, migrate = "tables", "rollcall migrate --database URL"
	switch {
	case err != nil:
		d.judge(name, err, "Let the user of --database read the tables.")
	case have < known:
		d.add(name, Broken, fmt.Sprintf("of version %d, this rollcall needs %d", have, known), migrate)
	case have > known:
		d.add(name, Broken, fmt.Sprintf("of version %d, this rollcall knows %d", have, known),
			"Use the newer rollcall that made them.")
	default:
		d.add(name, Fine, "", "")
		d.examineRoles(ctx, db)
	}
	var there time.Time
	before := d.Now()
	if err := db.GetContext(ctx, &there, `SELECT clock_timestamp()`); err != nil {
		d.judge("clock of the database", err, "Look at the log of PostgreSQL.")
		return
	}
	d.judgeClock("the database", there.Sub(middle(before, d.Now())), 0)
}

// examineRoles looks at the rights of the services' roles, where there are any.
func (d *doctor) examineRoles(ctx context.Context, db *sqlx.DB) {
	for _, service := range postgres.RoleServices() {
		name := "rights of " + postgres.Role(service)
		exists, wrong, err := postgres.CheckRights(ctx, db, service)
		if err == nil && !exists {
			d.add(name, Skipped, "there is no such role: "+service+" connects as another", "")
			continue
		}
		if wrong != nil {
			err = errors.New(strings.Join(wrong, ", "))
		}
		d.judge(name, err, "rollcall migrate --database URL, as the owner of the tables")
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"rollcall.example/services/iec"
	"rollcall.example/services/postgres"
)

// examineDatabase looks at the connection, the tables and the clock.
func (d *doctor) examineDatabase(ctx context.Context) {
	if d.Database.URL == "" {
		d.add("database", skipped, "give --database to look at it", "")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*doctorTime)
	defer cancel()
	db, err := postgres.Open(ctx, d.Database.URL)
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
		d.add(name, broken, fmt.Sprintf("of version %d, this rollcall needs %d", have, known), migrate)
	case have > known:
		d.add(name, broken, fmt.Sprintf("of version %d, this rollcall knows %d", have, known), "Use the newer rollcall that made them.")
	default:
		d.add(name, fine, "", "")
		d.roles(ctx, db)
	}
	var there time.Time
	before := d.now()
	if err := db.GetContext(ctx, &there, `SELECT clock_timestamp()`); err != nil {
		d.judge("clock of the database", err, "Look at the log of PostgreSQL.")
		return
	}
	d.clock("the database", there.Sub(middle(before, d.now())), 0)
}

// roles looks at the rights of the services' roles, where there are any.
func (d *doctor) roles(ctx context.Context, db *sqlx.DB) {
	for _, service := range postgres.RoleServices() {
		name := "rights of " + postgres.Role(service)
		exists, wrong, err := postgres.CheckRights(ctx, db, service)
		if err == nil && !exists {
			d.add(name, skipped, "there is no such role: "+service+" connects as another", "")
			continue
		}
		if wrong != nil {
			err = errors.New(strings.Join(wrong, ", "))
		}
		d.judge(name, err, "rollcall migrate --database URL, as the owner of the tables")
	}
}

// middle is when an answer was given that came between two times.
func middle(before, after time.Time) time.Time { return before.Add(after.Sub(before) / 2) }

// examineIEC signs in, which spends no call of the quota, and looks at the clock.
func (d *doctor) examineIEC(ctx context.Context) {
	if d.IEC.URL == "" {
		d.add("iec", skipped, "give --iec-url to look at it", "")
		return
	}
	client, err := iec.NewClient(iec.ClientConfig{BaseURL: d.IEC.URL, Timeout: d.IEC.Timeout,
		Username: d.p.getenv("ROLLCALL_IEC_USERNAME"), Password: d.p.getenv("ROLLCALL_IEC_PASSWORD")})
	if !d.judge("address of the IEC", err, "Correct --iec-url: https://HOST, with no user, query or fragment.") {
		return
	}
	defer client.Close()
	if err := client.SignIn(ctx); errors.Is(err, iec.ErrCredentials) {
		d.judge("sign-in at the IEC", err, "Correct ROLLCALL_IEC_USERNAME and ROLLCALL_IEC_PASSWORD, or ask the IEC whether the account is open.")
	} else if !d.judge("sign-in at the IEC", err, "Correct --iec-url, below which /token must be; a proxy or firewall may be in between. Jobs wait meanwhile.") {
		return
	}
	d.clockOfIEC(ctx)
}

// clockOfIEC goes by the header Date of any answer, which has seconds only.
func (d *doctor) clockOfIEC(ctx context.Context) {
	const name = "clock of the IEC"
	ctx, cancel := context.WithTimeout(ctx, d.IEC.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, d.IEC.URL, nil)
	if err != nil {
		d.judge(name, err, "Correct --iec-url.")
		return
	}
	before := d.now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.judge(name, err, "It answered a moment ago: try again.")
		return
	}
	_ = resp.Body.Close() // of a HEAD, so there is none
	there, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		d.add(name, skipped, "its answers have no date", "")
		return
	}
	d.clock("the IEC", there.Sub(middle(before, d.now())), time.Second)
}

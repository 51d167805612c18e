package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"rollcall.example/services/app"
	"rollcall.example/services/postgres"
	"rollcall.example/services/wards"
)

type importWardsCmd struct {
	File     string `arg:"" type:"existingfile" help:"${help_wards_file}"`
	Database string `required:"" secret:"" placeholder:"URL" help:"${help_wards_database}"`
}

// Run replaces the directory of wards by that of the file.
func (c *importWardsCmd) Run(ctx context.Context, p *process) (err error) {
	list, err := c.read()
	if err != nil {
		return fmt.Errorf("import wards: %s: %w", c.File, err)
	}
	in := p.infrastructure(app.NATSSettings{})
	defer func() { err = errors.Join(err, in.Close()) }()
	db, err := in.OpenDatabase(ctx, c.Database)
	if err != nil {
		return err
	}
	if err := postgres.Ready(ctx, db); err != nil {
		return err
	}
	if err := wards.Replace(ctx, db, list); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.out, "wards loaded: %d\n", len(list))
	return err
}

func (c *importWardsCmd) read() ([]wards.Region, error) {
	file, err := os.Open(c.File)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // only read
	return wards.Parse(file)
}

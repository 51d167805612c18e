package schema

import "embed"

// Migrations holds the migrations of the database in goose's format, in
// migrations/.
//
//go:embed migrations/*.sql
var Migrations embed.FS

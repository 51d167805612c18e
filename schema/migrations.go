package schema

import "embed"

// Migrations are the database's tables, as goose migrations in migrations/.
//
//go:embed migrations/*.sql
var Migrations embed.FS

// Package migrations holds the database's schema as numbered, forward-only SQL files.
package migrations

import "embed"

// FS holds every migration, named NNNNN_what.sql in the order in which they run.
//
//go:embed *.sql
var FS embed.FS

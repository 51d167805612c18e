// Package chaos kills every part of rollcall, and cuts and slows what connects
// them, while jobs run, and then holds what is left against what should be. It
// is made of tests only: a short form runs with all others, the full one as
// `go tool task test:chaos`.
package chaos

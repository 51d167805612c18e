// Package chaos kills every part of rollcall, and cuts and slows the connections
// between them, while jobs run. It cuts the power of their disks, and
// splits the network between them. Then it checks that nothing was lost or done twice.
// It has tests only: a short form runs with all others, and
// `go tool task test:chaos` runs the full form.
package chaos

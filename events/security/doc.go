// Package security notices who is refused and who reads much about people. The
// REST API and the gateway of a process report to one Watch. It counts for the
// metrics, in which nobody is named, and writes the security log, in which the
// address and the user are.
package security

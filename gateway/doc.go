// Package gateway fans jobs out to WebSocket clients: what is in the log
// already, then what is appended, each fact once and in order. It reads the log
// and never writes it.
package gateway

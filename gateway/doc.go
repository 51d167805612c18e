// Package gateway fans jobs out to clients, over WebSocket in plain JSON or in
// Socket.IO: what is in the log already, then what is appended, each fact once
// and in order. It reads the log and never writes it.
package gateway

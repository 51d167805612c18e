// Package gateway fans jobs out to clients over WebSocket, in plain JSON or as
// Socket.IO: first the facts that are in the log, then those that are appended, each
// once and in order. It reads the log and never writes it.
package gateway

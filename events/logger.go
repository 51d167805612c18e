package events

import "log/slog"

// Logger returns l, or a logger that discards when l is nil. Every Logger field
// in rollcall treats nil in this way.
func Logger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}

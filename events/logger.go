package events

import "log/slog"

// Logger returns l, or for nil a logger that discards. Each configuration of
// rollcall with a Logger field means that by nil.
func Logger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}

package report

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
)

// guarded runs do and makes an error of a panic in it, for the workbook library
// panics where it could return one. The panic's value may quote a cell, so
// only its type is told.
func guarded(ctx context.Context, log *slog.Logger, do func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			log.ErrorContext(ctx, "panic", "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
			err = fmt.Errorf("write workbook: panic of type %T", v)
		}
	}()
	return do()
}

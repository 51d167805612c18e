package report

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
)

// catchPanic calls do and turns a panic in it into an error, because the workbook
// library panics where it could return an error. The panic's value may quote a
// cell, so only its type is logged.
func catchPanic(ctx context.Context, log *slog.Logger, do func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			log.ErrorContext(ctx, "the workbook library panicked while a report was written", "type",
				fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
			err = fmt.Errorf("write workbook: panic of type %T", v)
		}
	}()
	return do()
}

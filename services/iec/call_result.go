package iec

import (
	"context"
	"errors"
)

// Results of a call.
const (
	ResultAnswered     = "answered"
	ResultRefused      = "refused"      // the API refuses this one person
	ResultMalformed    = "malformed"    // the answer about this one person cannot be used
	ResultRateLimited  = "rate_limited" // the API limits our calls
	ResultUnauthorized = "unauthorized" // our token was refused
	ResultUnavailable  = "unavailable"  // no answer, or one that is not the API's
	ResultAborted      = "aborted"      // the caller gave up
)

// Results lists all results.
var Results = []string{ResultAnswered, ResultRefused, ResultMalformed, ResultRateLimited, ResultUnauthorized,
	ResultUnavailable, ResultAborted}

// classifyResult returns the result of a call that returned err.
func classifyResult(err error) string {
	var refused *RowError
	var malformed *MalformedError
	var limited *RateLimitedError
	var down *UnavailableError
	switch {
	case err == nil:
		return ResultAnswered
	case errors.As(err, &refused):
		return ResultRefused
	case errors.As(err, &malformed):
		return ResultMalformed
	case errors.As(err, &limited):
		return ResultRateLimited
	case errors.Is(err, errTokenRefused):
		return ResultUnauthorized
	case errors.As(err, &down), errors.Is(err, context.DeadlineExceeded):
		return ResultUnavailable
	}
	return ResultAborted
}

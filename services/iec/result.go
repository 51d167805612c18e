package iec

import (
	"context"
	"errors"
)

// Results of a call, by class.
const (
	ResultAnswered     = "answered"
	ResultRefused      = "refused"      // the API does not speak of this one person
	ResultMalformed    = "malformed"    // the answer about this one person cannot be used
	ResultRateLimited  = "rate_limited" // the API had enough of us
	ResultUnauthorized = "unauthorized" // our token was refused
	ResultUnavailable  = "unavailable"  // no answer, or none of the API's own
	ResultAborted      = "aborted"      // we gave up ourselves
)

// Results lists all of them.
var Results = []string{ResultAnswered, ResultRefused, ResultMalformed, ResultRateLimited, ResultUnauthorized, ResultUnavailable, ResultAborted}

// resultOf is the class of what a call returned.
func resultOf(err error) string {
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

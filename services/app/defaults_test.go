package app

import (
	"testing"

	"rollcall.example/services/iec"
	"rollcall.example/services/report"
)

// A package says what a zero setting means to whoever uses it without an App. The
// flags must not say anything else.
func TestDefaultsAreThoseOfThePackages(t *testing.T) {
	set := DefaultUp().Settings
	for name, equal := range map[string]bool{
		"iec-concurrency":         set.IEC.Concurrency == iec.DefaultConcurrency,
		"iec-timeout":             set.IEC.Timeout == iec.DefaultTimeout,
		"iec-keep":                set.IEC.Keep == iec.DefaultRegistered,
		"iec-keep-not-registered": set.IEC.KeepNotRegistered == iec.DefaultNotRegistered,
		"ward-target":             set.WardTarget == report.DefaultWardTarget,
	} {
		if !equal {
			t.Errorf("%s has another default than its package", name)
		}
	}
}

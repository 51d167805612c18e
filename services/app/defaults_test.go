package app

import (
	"testing"

	"rollcall.example/gateway"
	"rollcall.example/services/iec"
	"rollcall.example/services/iec/answers"
	"rollcall.example/services/report"
	"rollcall.example/services/upload"
)

// A package says what a zero setting means to whoever uses it without an App. The flags say
// the same: their texts are made of the packages' constants, and read again.
func TestDefaultsAreThoseOfThePackages(t *testing.T) {
	set := DefaultUp().Settings
	for name, equal := range map[string]bool{
		"max-file-size":           set.Upload.MaxFileSize == upload.DefaultMaxFileSize,
		"user-uploads":            set.Upload.UserUploads == upload.DefaultUserUploads,
		"user-jobs":               set.Upload.UserJobs == upload.DefaultUserJobs,
		"user-transfers":          set.Upload.UserTransfers == upload.DefaultUserTransfers,
		"max-connections":         set.Gateway.MaxConnections == gateway.DefaultConnections,
		"user-connections":        set.Gateway.UserConnections == gateway.DefaultUserConnections,
		"iec-concurrency":         set.IEC.Concurrency == iec.DefaultConcurrency,
		"iec-timeout":             set.IEC.Timeout == iec.DefaultTimeout,
		"iec-keep":                set.IEC.Keep == answers.DefaultRegistered,
		"iec-keep-not-registered": set.IEC.KeepNotRegistered == answers.DefaultNotRegistered,
		"ward-target":             set.WardTarget == report.DefaultWardTarget,
	} {
		if !equal {
			t.Errorf("%s has another default than its package", name)
		}
	}
}

//go:build !linux

package postgres_test

func prepareChild() error { return nil }

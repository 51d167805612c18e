//go:build !race

package workbook

// raceFactor is 1: see race_test.go.
const raceFactor = 1

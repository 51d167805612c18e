//go:build race

package workbook

// raceFactor is how many times the memory and the time of others the race detector takes.
const raceFactor = 10

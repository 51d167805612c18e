//go:build !race

package main

// raceDetector says that this binary has the race detector.
const raceDetector = false

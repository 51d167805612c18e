//go:build race

package main

// raceDetector says that this binary has the race detector. The programs that tests start
// then run without it: it makes each start take a second. What they run, the tests of
// their packages, of package app and of the pipeline run with it.
const raceDetector = true

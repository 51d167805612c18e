package gateway

import "runtime/debug"

const (
	goPercent  = 100 // what Go does unless GOGC says otherwise
	ownPercent = 50
)

// SaveMemory has a process that is nothing but a gateway collect garbage when half of what
// lives has gathered, instead of as much: what lives is its connections, for hours. GOGC comes
// first.
func SaveMemory() {
	if before := debug.SetGCPercent(ownPercent); before != goPercent {
		debug.SetGCPercent(before)
	}
}

package events

import "time"

// SouthAfrica is the one time zone of South Africa: two hours ahead of UTC, without
// summer time.
var SouthAfrica = time.FixedZone("SAST", 2*60*60)

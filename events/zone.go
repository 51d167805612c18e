package events

import "time"

// SouthAfrica is the time zone of South Africa: two hours ahead of UTC, without
// daylight saving time.
var SouthAfrica = time.FixedZone("SAST", 2*60*60)

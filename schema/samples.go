package schema

import "embed"

// Samples holds made-up rolls to try the system with. samples/roll-500.xlsx has 500
// good and bad rows of people who do not exist; samples/hostile.xlsx breaks each
// rule at least once. services/cmd/samples generates them.
//
//go:embed samples/*.xlsx
var Samples embed.FS

package schema

import "embed"

// Samples holds made-up rolls to try the system with: samples/roll-500.xlsx has
// 500 rows of people who do not exist, good and bad; in samples/hostile.xlsx each
// rule is broken at least once. The generator is services/cmd/samples.
//
//go:embed samples/*.xlsx
var Samples embed.FS

// Package validation judges the rows of a roll. It decides which rows go on with a
// valid ID number and which are rejected and why, and it brings what their cells
// say into one form.
package validation

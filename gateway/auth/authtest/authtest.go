// Package authtest has what tests sign tokens with.
package authtest

// Secret is a secret that package auth accepts.
const Secret = "a secret of the tests, long enough"

// Package access decides who may do what, and where. A policy maps roles to
// permissions; a person's area says which members they may touch. The policy is
// data: schema/policy/policy.json, or a file in its place.
//
// Everything that is not allowed is refused. An unknown role may do nothing.
package access

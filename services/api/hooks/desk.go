// Package hooks answers those who register webhooks.
package hooks

import (
	"rollcall.example/services/api/rest"
	"rollcall.example/services/webhook/registry"
)

// Desk is what its handlers work with.
type Desk struct {
	*rest.Desk
	Webhooks *registry.Registry
}

// Package standing answers where the organisation stands, ward by ward, and who may come
// to a ward's meeting. Everybody sees members of their area only.
package standing

import (
	"rollcall.example/services/api/rest"
	"rollcall.example/services/upload"
	"rollcall.example/services/wards"
)

// Desk is what its handlers work with.
type Desk struct {
	*rest.Desk
	Upload *upload.Service
	Wards  *wards.Book
}

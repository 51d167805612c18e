package office

import (
	"net/http"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/services/api/rest"
)

// identity is who the server takes somebody for.
type identity struct {
	User string `json:"user_id"`
	Role string `json:"role"`
	// May has the permissions for one's own jobs, never nil.
	May  []access.Permission `json:"permissions"`
	Area areaView            `json:"area"`
}

// areaView is where somebody works. Level "" is nowhere.
type areaView struct {
	Level events.AreaLevel `json:"level"`
	Codes []string         `json:"codes"` // never nil
}

// WhoAmI tells people who they are here: which claims of a token say so is known to the
// server alone.
func WhoAmI(_ http.ResponseWriter, _ *http.Request, who rest.Caller) (*rest.Result, error) {
	me := identity{
		User: who.ID, Role: who.Role, May: []access.Permission{},
		Area: areaView{Level: who.Area.Level, Codes: append([]string{}, who.Area.Codes...)},
	}
	for _, p := range access.Permissions {
		if who.May(p) == nil {
			me.May = append(me.May, p)
		}
	}
	return &rest.Result{Message: "You are signed in.", Data: me}, nil
}

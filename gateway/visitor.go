package gateway

import (
	"reflect"

	"rollcall.example/events/access"
	"rollcall.example/gateway/auth"
)

// visitor is who has signed in: what the token says, and what that permits.
type visitor struct {
	claims auth.Claims
	may    access.Principal
}

// identify checks a token. The error is a *refusal.Error for a token that is not
// valid, and for one of a user who may not read the status of any job: a
// connection would be of no use to them.
func (g *Gateway) identify(token string) (visitor, error) {
	claims, err := g.cfg.Verifier.Verify(token)
	if err != nil {
		return visitor{}, err
	}
	who := visitor{claims: claims, may: claims.Identify(g.cfg.Policy)}
	return who, who.may.May(access.ReadStatus)
}

// sameAs reports whether another token of the same user permits the same.
func (v *visitor) sameAs(other visitor) bool {
	return v.claims.ID == other.claims.ID && v.claims.Role == other.claims.Role &&
		reflect.DeepEqual(v.may.Area, other.may.Area)
}

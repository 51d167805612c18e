package doctor

import (
	"net/http"
	"testing"

	"rollcall.example/events/eventstest"
	"rollcall.example/services/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(tidy{m}, eventstest.IgnoreLeaks()...) }

// tidy closes connections that tests left idle.
type tidy struct{ *testing.M }

func (m tidy) Run() int {
	defer http.DefaultClient.CloseIdleConnections()
	return m.M.Run()
}

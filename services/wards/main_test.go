package wards

import (
	"testing"

	"rollcall.example/services/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

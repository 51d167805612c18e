package gateway_test

import (
	"bytes"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"rollcall.example/schema"
)

// checkFrame holds a frame against its JSON Schema.
func checkFrame(t *testing.T, event string, text []byte) {
	t.Helper()
	s, err := schema.Frame(event)
	if err != nil {
		t.Error(err)
		return
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err == nil {
		err = s.Validate(doc)
	}
	if err != nil {
		t.Errorf("%s is not what its schema says: %v", text, err)
	}
}

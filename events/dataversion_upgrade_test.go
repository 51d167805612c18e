package events

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

// changeFields returns a body with changed fields.
func changeFields(body []byte, change func(map[string]json.RawMessage)) ([]byte, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, err
	}
	change(m)
	return json.Marshal(m)
}

// twoUpgrades change the shape of a pause twice. Version 1 had its time in
// "until" and its rows in a text, "3/9". Version 2 made two numbers of the
// rows.
var twoUpgrades = []upgrade{
	func(kind Kind, body []byte) ([]byte, error) {
		if kind != KindPaused {
			return body, nil
		}
		var rows struct{ Rows string }
		if err := json.Unmarshal(body, &rows); err != nil {
			return nil, err
		}
		done, all, _ := strings.Cut(rows.Rows, "/")
		return changeFields(body, func(m map[string]json.RawMessage) {
			delete(m, "rows")
			m["rows_processed"], m["rows_total"] = json.RawMessage(done), json.RawMessage(all)
		})
	},
	func(kind Kind, body []byte) ([]byte, error) {
		if kind != KindPaused {
			return body, nil
		}
		return changeFields(body, func(m map[string]json.RawMessage) {
			m["resumes_at"] = m["until"]
			delete(m, "until")
		})
	},
}

func TestDecodeUpgradesOlderBodies(t *testing.T) {
	id, at := NewJobID(), time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	want := &Paused{
		Stage: StageIEC, Reason: PauseQuota, Message: "Wait.", ResumesAt: at.Add(time.Hour), Processed: 3, Total: 9,
	}
	msg, err := encode(id, "alice", 7, at, StageIEC, want)
	if err != nil {
		t.Fatal(err)
	}
	older := func(change func(map[string]json.RawMessage)) []byte {
		t.Helper()
		body, err := changeFields(msg.Data, change)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	second := func(m map[string]json.RawMessage) {
		m["until"] = m["resumes_at"]
		delete(m, "resumes_at")
	}
	first := older(func(m map[string]json.RawMessage) {
		second(m)
		delete(m, "rows_processed")
		delete(m, "rows_total")
		m["rows"] = json.RawMessage(`"3/9"`)
	})
	for version, body := range map[string][]byte{"": first, "1": first, "2": older(second), "3": msg.Data} {
		msg.Header.Set(HeaderDataVersion, version)
		e, err := decode(twoUpgrades, msg.Subject, msg.Header, body, 8)
		if err != nil || !reflect.DeepEqual(e.Fact, want) || e.Cause != 7 || !e.At.Equal(at) {
			t.Errorf("version %q: %+v, %v", version, e.Fact, err)
		}
	}
	msg.Header.Set(HeaderDataVersion, "4")
	if _, err := decode(twoUpgrades, msg.Subject, msg.Header, msg.Data, 8); !errors.Is(err, ErrNewer) {
		t.Errorf("a future version: %v", err)
	}
	// A future kind may have any name, even one that looks like an ID number.
	msg.Header.Set(HeaderType, typePrefix+"8001015009087")
	_, err = decode(twoUpgrades, Subject(id, "8001015009087"), msg.Header, msg.Data, 8)
	if !errors.Is(err, ErrNewer) || personal.MatchString(err.Error()) {
		t.Errorf("a future kind: %v", err)
	}
	msg.Header.Set(HeaderType, typePrefix+string(KindPaused))
	// A body that cannot be upgraded is not trusted, and the error does not quote it.
	msg.Header.Set(HeaderDataVersion, "1")
	_, err = decode(twoUpgrades, msg.Subject, msg.Header, []byte(`{"rows": 8001015009087}`), 8)
	if !errors.Is(err, ErrUntrusted) || strings.Contains(err.Error(), "8001") {
		t.Errorf("not a body of version 1: %v", err)
	}
}

func TestUpgradesLeaveOtherKindsAlone(t *testing.T) {
	id := NewJobID()
	msg, err := encode(id, "alice", 1, time.Now(), StageIEC, &Resumed{Stage: StageIEC, Processed: 3, Total: 9})
	if err != nil {
		t.Fatal(err)
	}
	for version := 1; version <= 1+len(twoUpgrades); version++ {
		msg.Header.Set(HeaderDataVersion, strconv.Itoa(version))
		if e, err := decode(twoUpgrades, msg.Subject, msg.Header, msg.Data, 2); err != nil || e.Fact.(*Resumed).Total != 9 {
			t.Errorf("version %d: %+v, %v", version, e.Fact, err)
		}
	}
}

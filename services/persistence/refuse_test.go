package persistence

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"rollcall.example/events/records"
)

func TestBadRowsAreRefusedAndOthersWritten(t *testing.T) {
	w := newFixture(t)
	w.upload(newPerson(10, registered("79800001", "32840123"), "firstname", "Old"),
		newPerson(11, unverified, "firstname", "Old"))
	bad := map[int]struct {
		field, value, want string
	}{
		3:   {"age", "old", "age (22P02"},
		10:  {"membership_amount", "1e30", "membership_amount (22003"},
		64:  {"last_payment", "2025-02-30", "last_payment (22008"},
		65:  {"ward", "7980", "ward_code"},
		199: {"surname", "a\x00b", "surname (22021"},
		150: {"age", "900", "members_age_check (23514"},
	}
	var list []person
	for i := range 200 {
		p := newPerson(i, registered("79800001", "32840123"), "firstname", "New")
		if b, ok := bad[i]; ok {
			p.row.Fields[b.field] = b.value
		}
		list = append(list, p)
	}
	for i, o := range w.upload(list...) {
		b, isBad := bad[i]
		want := records.Inserted
		switch {
		case isBad:
			want = records.Refused
		case i == 11:
			want = records.Updated
		}
		if o.Result != want || (isBad != (o.Error != "")) || !strings.Contains(o.Error, b.want) {
			t.Errorf("row %d: %+v", i, o)
		}
		if regexp.MustCompile(`\d{6}`).MatchString(o.Error) {
			t.Errorf("the error quotes a value: %s", o.Error)
		}
	}
	if n := w.countRows("members"); n != 195 {
		t.Errorf("%d members", n)
	}
	w.expectMember(10, map[string]string{"firstname": "Old", "membership_amount": ""})
	w.expectMember(11, map[string]string{"firstname": "New"})
}

// Finding one bad row among n takes a number of attempts that grows with log n, after a
// first one that writes strangers directly.
func TestHalvingFindsOneBadRow(t *testing.T) {
	w := newFixture(t)
	// A sequence counts what is rolled back, too.
	w.db.MustExec(`CREATE SEQUENCE attempts;
CREATE FUNCTION attempt() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('attempts'); RETURN NULL; END $$;
CREATE TRIGGER attempt BEFORE INSERT ON members FOR EACH STATEMENT EXECUTE FUNCTION attempt();
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN RAISE EXCEPTION 'member % is bad', NEW.id_number; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON members FOR EACH ROW
  WHEN (NEW.surname = 'Bad') EXECUTE FUNCTION refuse()`)
	var list []person
	for i := range 1024 {
		list = append(list, newPerson(i, unverified, "surname", "Good"))
	}
	list[700].row.Fields["surname"] = "Bad"
	got := w.upload(list...)
	if o := got[700]; o.Result != records.Refused ||
		o.Error != "The database refused the row: a rule of the database forbids it (P0001 raise_exception)." {
		t.Errorf("outcome %+v", o)
	}
	var attempts int
	if err := w.db.Get(&attempts, `SELECT last_value FROM attempts`); err != nil || attempts > 2+2*10 {
		t.Errorf("%d attempts, %v", attempts, err)
	}
}

func TestEveryRowCanBeRefused(t *testing.T) {
	w := newFixture(t)
	got := w.upload(newPerson(1, unverified, "age", "x"), newPerson(2, unverified, "age", "y"),
		newPerson(3, unverified, "surname", "\x00"))
	for _, o := range got {
		if o.Result != records.Refused {
			t.Errorf("outcome %+v", o)
		}
	}
	if got := w.upload(newPerson(1, unverified, "surname", "\x00")); got[0].Result != records.Refused {
		t.Errorf("outcome %+v", got[0])
	}
	if n := w.countRows("members"); n != 0 {
		t.Errorf("%d members", n)
	}
}

func TestWhichErrorsAreRowErrors(t *testing.T) {
	for code, want := range map[pqerror.Code]bool{
		"22P02": true, "22003": true, "22001": true, "23514": true, "23502": true, "23505": true, "P0001": true,
		"54000": true,
		"40001": false, "40P01": false, "53300": false, "57P01": false, "57P03": false, "57014": false, "08006": false,
		"25P02": false, "42703": false,
	} {
		err := fmt.Errorf("write: %w", redact(&pq.Error{Code: code, Message: `bad value: "8001015009087"`,
			Detail: "Key (id_number)=(8001015009087)", Constraint: "c"}))
		p, got := asRowError(err)
		if got != want || strings.Contains(err.Error(), "8001015009087") ||
			!strings.Contains(err.Error(), string(code)) {
			t.Errorf("%s: %v, %v", code, got, err)
		}
		if got && strings.Contains(describeRefusal(p, ""), "8001015009087") {
			t.Errorf("%s: %s", code, describeRefusal(p, ""))
		}
	}
	for _, err := range []error{nil, context.Canceled, errors.New("connection reset")} {
		if _, got := asRowError(err); got {
			t.Errorf("%v counts as a row error", err)
		}
	}
}

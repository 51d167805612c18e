package validation

import (
	"regexp"
	"testing"

	"github.com/shopspring/decimal"
)

func TestParseMoney(t *testing.T) {
	texts := map[string]string{
		"R10.00": "10.00", "R10": "10.00", "r 10,5": "10.50", "ZAR 10.00": "10.00", "10": "10.00", "0": "0.00",
		"R1,234.50": "1234.50", "R 1 234,50": "1234.50", "R1\u00a0234.50": "1234.50", "1.234,50": "1234.50",
		"1,234": "1234.00", "R1,234,567.89": "1234567.89", "010.00": "10.00",
	}
	for text, want := range texts {
		if got, ok := ParseMoney(text, false); !ok || got != want {
			t.Errorf("ParseMoney(%q) = %q, %v, want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "R", "free", "-10", "R-10", "10.005", "1.234", "1,2345", "12,34,56", "$10",
		"10 p.a.", "1e3", "8001015009087", "10.00.00", "R R10", "NaN"} {
		if got, ok := ParseMoney(text, false); ok {
			t.Errorf("ParseMoney(%q) = %q, want none", text, got)
		}
	}
	numbers := map[string]string{"10": "10.00", "10.1": "10.10", "10.005": "10.01", "0.333333333333333": "0.33",
		"1e2": "100.00"}
	for text, want := range numbers {
		if got, ok := ParseMoney(text, true); !ok || got != want {
			t.Errorf("ParseMoney(%q) as a number = %q, %v, want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"-1", "1e999999999", "1e-999999999", "8001015009087", "", "ten"} {
		if got, ok := ParseMoney(text, true); ok {
			t.Errorf("ParseMoney(%q) as a number = %q, want none", text, got)
		}
	}
}

func FuzzMoney(f *testing.F) {
	for _, text := range []string{"R10.00", "1 234,50", "1,234.50", "1.234,50", "-5", "1e9", "1E-400000000", ""} {
		f.Add(text, false)
		f.Add(text, true)
	}
	form := regexp.MustCompile(`^\d{1,10}\.\d\d$`)
	f.Fuzz(func(t *testing.T, text string, numeric bool) {
		amount, ok := ParseMoney(text, numeric)
		if !ok {
			return
		}
		if !form.MatchString(amount) {
			t.Fatalf("%q reads %q", text, amount)
		}
		again, ok := ParseMoney(amount, numeric)
		if value := decimal.RequireFromString(amount); ok && again != amount || !ok && value.LessThan(maxMoney) {
			t.Fatalf("%q reads %q again", amount, again)
		}
	})
}

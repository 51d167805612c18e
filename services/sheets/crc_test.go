package sheets

import (
	"hash/crc32"
	"testing"

	"pgregory.net/rapid"
)

func TestCombinedCRCIsThatOfTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.SliceOf(rapid.Byte()).Draw(t, "a"), rapid.SliceOf(rapid.Byte()).Draw(t, "b")
		whole := crc32.ChecksumIEEE(append(append([]byte(nil), a...), b...))
		if got := combineCRC(crc32.ChecksumIEEE(a), crc32.ChecksumIEEE(b), int64(len(b))); got != whole {
			t.Fatalf("combined %08x, whole %08x", got, whole)
		}
	})
}

package workbook

import "strings"

// arena keeps many short texts in few pieces of memory.
type arena struct{ piece strings.Builder }

const (
	arenaPiece = 64 << 10
	// arenaText is how long a text may be for the arena. Longer ones would leave much
	// of a piece unused.
	arenaText = arenaPiece / 16
)

// add copies text into the arena.
func (a *arena) add(text []byte) string {
	if len(text) == 0 {
		return ""
	}
	if len(text) > arenaText {
		return string(text)
	}
	if a.piece.Cap()-a.piece.Len() < len(text) {
		// Texts that were handed out keep the old piece alive.
		a.piece = strings.Builder{}
		a.piece.Grow(arenaPiece)
	}
	from := a.piece.Len()
	a.piece.Write(text)
	return a.piece.String()[from:]
}

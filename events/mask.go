package events

// MaskID hides the middle of an ID number: 800101*****87. It hides every
// character of a text that is not 13 characters long.
func MaskID(id string) string {
	if len(id) != 13 {
		return "*************"
	}
	return id[:6] + "*****" + id[11:]
}

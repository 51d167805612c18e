package events

// MaskID hides the middle of an ID number, as everywhere that it is shown:
// 800101*****87. Anything that is not 13 characters long is masked whole.
func MaskID(id string) string {
	if len(id) != 13 {
		return "*************"
	}
	return id[:6] + "*****" + id[11:]
}

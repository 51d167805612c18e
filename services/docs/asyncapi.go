package docs

// asyncAPI makes sections of the channels of an AsyncAPI document.
func asyncAPI(root place) (sections []Section) {
	notes := map[string][]string{}
	for _, op := range root.child("operations").pairs() {
		channel := op.child("channel").child("$ref").text()
		notes[channel] = append(notes[channel], op.child("action").text()+": "+op.child("summary").text())
	}
	for name, channel := range root.child("channels").pairs() {
		s := Section{
			ID: "channel-" + name, Label: "channel", Name: channel.child("address").text(),
			Summary: channel.child("title").text(), Text: channel.child("description").text(), Notes: notes["#/channels/"+name],
		}
		for parameter, p := range channel.child("parameters").pairs() {
			p = p.target()
			s.Fields = append(s.Fields, Field{Name: parameter, Type: typeOf([]place{p}), Required: true, Text: p.child("description").text()})
		}
		for key, m := range channel.child("messages").pairs() {
			m = m.target()
			part := Part{Label: "message", Name: m.child("name").text(), Text: m.child("title").text(), Fields: fields(0, m.child("payload"))}
			if part.Name == "" {
				part.Name = key
			}
			headers := []place{m.child("headers")}
			for _, trait := range m.child("traits").items() {
				headers = append(headers, trait.at("headers"))
			}
			part.Headers = fields(0, headers...)
			s.Parts = append(s.Parts, part)
		}
		sections = append(sections, s)
	}
	return sections
}

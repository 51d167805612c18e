package docs

// asyncAPISections returns a section for each channel of an AsyncAPI document.
func asyncAPISections(root node) (sections []Section) {
	notes := map[string][]string{}
	for _, op := range root.child("operations").pairs() {
		channel := op.child("channel").child("$ref").text()
		notes[channel] = append(notes[channel], op.child("action").text()+": "+op.child("summary").text())
	}
	for name, channel := range root.child("channels").pairs() {
		s := Section{
			ID: "channel-" + name, Label: "channel", Name: channel.child("address").text(),
			Summary: channel.child("title").text(), Text: channel.child("description").text(),
			Notes: notes["#/channels/"+name],
		}
		for parameter, p := range channel.child("parameters").pairs() {
			p = p.followRef()
			s.Fields = append(s.Fields, Field{Name: parameter, Type: describeType([]node{p}), Required: true,
				Text: p.child("description").text()})
		}
		for key, m := range channel.child("messages").pairs() {
			m = m.followRef()
			part := Part{Label: "message", Name: m.child("name").text(), Text: m.child("title").text(),
				Fields: listFields(0, m.child("payload"))}
			if part.Name == "" {
				part.Name = key
			}
			headers := []node{m.child("headers")}
			for _, trait := range m.child("traits").items() {
				headers = append(headers, trait.at("headers"))
			}
			part.Headers = listFields(0, headers...)
			s.Parts = append(s.Parts, part)
		}
		sections = append(sections, s)
	}
	return sections
}

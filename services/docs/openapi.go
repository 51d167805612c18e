package docs

import "strings"

var methods = []string{"get", "put", "post", "delete", "options", "head", "patch"}

// openAPI makes sections of the operations of an OpenAPI document, and of the
// schemas whose values have a meaning each.
func openAPI(root place) (sections []Section, err error) {
	for path, item := range root.child("paths").pairs() {
		for _, method := range methods {
			op := item.child(method)
			if !op.ok() {
				continue
			}
			s := Section{
				ID: op.child("operationId").text(), Label: strings.ToUpper(method), Name: path,
				Summary: op.child("summary").text(), Text: op.child("description").text(),
				Notes: []string{needs(root, op)},
			}
			for _, p := range op.child("parameters").items() {
				p = p.target()
				s.Fields = append(s.Fields, Field{
					Name: p.child("name").text(), Type: p.child("in").text() + ": " + typeOf(layers(p.child("schema"))),
					Required: p.child("required").text() == "true", Text: p.child("description").text(),
				})
			}
			if s.Parts, err = bodies(op); err != nil {
				return nil, err
			}
			sections = append(sections, s)
		}
	}
	for name, schema := range root.at("components", "schemas").pairs() {
		part := Part{}
		for _, one := range schema.child("oneOf").items() {
			if value := one.child("const").text(); value != "" {
				part.Fields = append(part.Fields, Field{Name: value, Text: one.child("description").text()})
			}
		}
		if part.Fields != nil {
			sections = append(sections, Section{ID: "values-" + name, Label: "values", Name: name, Summary: schema.child("description").text(), Parts: []Part{part}})
		}
	}
	return sections, nil
}

// needs says who may call an operation.
func needs(root, op place) string {
	security := op.child("security")
	if !security.ok() {
		security = root.child("security")
	}
	for _, one := range security.items() {
		for name := range one.pairs() {
			scheme := root.at("components", "securitySchemes", name)
			return "Needs " + strings.TrimSpace(scheme.child("type").text()+" "+scheme.child("scheme").text()) + ": " + scheme.child("description").text()
		}
	}
	return "Needs no token."
}

// bodies are what an operation takes and answers.
func bodies(op place) (parts []Part, err error) {
	add := func(label string, of place) error {
		p := Part{Label: label, Text: of.child("description").text()}
		for name, header := range of.child("headers").pairs() {
			header = header.target()
			p.Headers = append(p.Headers, Field{Name: name, Type: typeOf(layers(header.child("schema"))),
				Required: header.child("required").text() == "true", Text: header.child("description").text()})
		}
		for name, media := range of.child("content").pairs() {
			p.Name, p.Fields = name, fields(0, media.child("schema"))
			if p.Example, err = exampleOf(media.child("example")); err != nil {
				return err
			}
		}
		parts = append(parts, p)
		return nil
	}
	if body := op.at("requestBody"); body.ok() {
		if err := add("request", body); err != nil {
			return nil, err
		}
	}
	for status, response := range op.child("responses").pairs() {
		if err := add(status, response.target()); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

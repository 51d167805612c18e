package docs

import "strings"

var methods = []string{"get", "put", "post", "delete", "options", "head", "patch"}

// openAPISections returns a section for each operation of an OpenAPI document, and
// for each schema that describes its values one by one.
func openAPISections(root node) (sections []Section, err error) {
	for path, item := range root.child("paths").pairs() {
		for _, method := range methods {
			op := item.child(method)
			if !op.exists() {
				continue
			}
			s := Section{
				ID: op.child("operationId").text(), Label: strings.ToUpper(method), Name: path,
				Summary: op.child("summary").text(), Text: op.child("description").text(),
				Notes: []string{describeSecurity(root, op)},
			}
			for _, p := range op.child("parameters").items() {
				p = p.followRef()
				s.Fields = append(s.Fields, Field{
					Name:     p.child("name").text(),
					Type:     p.child("in").text() + ": " + describeType(schemaLayers(p.child("schema"))),
					Required: p.child("required").text() == "true", Text: p.child("description").text(),
				})
			}
			if s.Parts, err = listParts(op); err != nil {
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
			sections = append(sections, Section{ID: "values-" + name, Label: "values", Name: name,
				Summary: schema.child("description").text(), Parts: []Part{part}})
		}
	}
	return sections, nil
}

// describeSecurity says what a caller of an operation needs.
func describeSecurity(root, op node) string {
	security := op.child("security")
	if !security.exists() {
		security = root.child("security")
	}
	for _, one := range security.items() {
		for name := range one.pairs() {
			scheme := root.at("components", "securitySchemes", name)
			return "Needs " + strings.TrimSpace(scheme.child("type").text()+" "+scheme.child("scheme").text()) + ": " +
				scheme.child("description").text()
		}
	}
	return "Needs no token."
}

// listParts returns the request and the answers of an operation.
func listParts(op node) (parts []Part, err error) {
	add := func(label string, of node) error {
		p := Part{Label: label, Text: of.child("description").text()}
		for name, header := range of.child("headers").pairs() {
			header = header.followRef()
			p.Headers = append(p.Headers, Field{Name: name, Type: describeType(schemaLayers(header.child("schema"))),
				Required: header.child("required").text() == "true", Text: header.child("description").text()})
		}
		for name, media := range of.child("content").pairs() {
			p.Name, p.Fields = name, listFields(0, media.child("schema"))
			if p.Example, err = exampleJSON(media.child("example")); err != nil {
				return err
			}
		}
		parts = append(parts, p)
		return nil
	}
	if body := op.at("requestBody"); body.exists() {
		if err := add("request", body); err != nil {
			return nil, err
		}
	}
	for status, response := range op.child("responses").pairs() {
		if err := add(status, response.followRef()); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

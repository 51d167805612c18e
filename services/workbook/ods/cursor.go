package ods

import (
	"errors"
	"io"

	"rollcall.example/services/workbook/xmlscan"
)

// The depth at which elements stand in the part that has the sheets.
const (
	depthRoot  = 1
	depthBody  = 2 // and the styles
	depthKind  = 3 // the element that says of which kind the document is
	depthTable = 4
)

// cursor is a pass through the part that has the sheets.
type cursor struct {
	meter Meter
	rc    io.ReadCloser
	x     *xmlscan.Scanner
	// table is the place of the last table that was opened, from 0; -1 for none.
	table int
	// open says that its end was not seen yet.
	open bool
	// hidden are the names of the styles of hidden sheets; nil where nobody asks.
	hidden map[string]bool
}

// depth returns the depth of the element that was just opened.
func (c *cursor) depth() int {
	if c.x.Empty {
		return c.x.Depth() + 1
	}
	return c.x.Depth()
}

// nextTable goes to where the next table opens; false means that there is none.
func (c *cursor) nextTable() (bool, error) {
	if err := c.leaveTable(); err != nil {
		return false, err
	}
	for {
		t, err := c.x.Next()
		if err != nil {
			return false, err
		}
		if t == xmlscan.End {
			return false, nil
		}
		if t != xmlscan.Open {
			continue
		}
		found, err := c.enter(string(c.x.Name), c.depth())
		if found || err != nil {
			return found, err
		}
	}
}

// enter looks at an element outside of tables that was just opened. It goes past what is
// neither a table nor may hold one.
func (c *cursor) enter(name string, depth int) (table bool, err error) {
	switch {
	case depth == depthRoot && name != "document-content" && name != "document":
		return false, errors.New("no OpenDocument file")
	case depth == depthRoot, depth == depthBody && name == "body", depth == depthKind && name == "spreadsheet":
		return false, nil
	case depth == depthBody && name == "automatic-styles" && c.hidden != nil:
		return false, c.readStyles()
	case depth == depthKind:
		if what := kinds[name]; what != "" {
			return false, refuseKind(what)
		}
		return false, errors.New("a document of an unknown kind")
	case depth == depthTable && name == "table":
		c.table++
		c.open = !c.x.Empty
		return true, nil
	}
	return false, c.x.Skip()
}

// leaveTable goes behind the table that is open.
func (c *cursor) leaveTable() error {
	for c.open {
		t, err := c.x.Next()
		if err != nil {
			return err
		}
		c.noteEnd(t)
	}
	return nil
}

// noteEnd notes whether the token just read is the end of the table.
func (c *cursor) noteEnd(t xmlscan.Kind) {
	c.open = c.open && t != xmlscan.End && (t != xmlscan.Close || c.x.Depth() >= depthTable)
}

// nameAndStyle returns the name of the table that was just opened, and that of its style.
func (c *cursor) nameAndStyle() (name, style string, err error) {
	n, err := c.x.Attribute("name")
	if err != nil {
		return "", "", err
	}
	s, err := c.x.Attribute("style-name")
	return string(n), string(s), err
}

// readStyles notes the styles of hidden sheets among the styles that were just opened.
func (c *cursor) readStyles() error {
	if c.x.Empty {
		return nil
	}
	style := "" // of a table, that is open
	for end := c.x.Depth(); ; {
		t, err := c.x.Next()
		switch {
		case err != nil:
			return err
		case t == xmlscan.End:
			return xmlscan.ErrMalformed
		case t == xmlscan.Close && c.x.Depth() < end:
			return nil
		case t != xmlscan.Open:
			continue
		}
		switch string(c.x.Name) {
		case "style":
			family, err := c.x.Attribute("family")
			if err != nil {
				return err
			}
			if string(family) != "table" {
				if err := c.x.Skip(); err != nil {
					return err
				}
				continue
			}
			name, err := c.x.Attribute("name")
			if err != nil {
				return err
			}
			style = string(name)
		case "table-properties":
			display, err := c.x.Attribute("display")
			if err != nil {
				return err
			}
			if string(display) == "false" && style != "" {
				c.hidden[style] = true
				if err := c.meter.AddName(style); err != nil {
					return err
				}
			}
		default:
			if err := c.x.Skip(); err != nil {
				return err
			}
		}
	}
}

// countRows returns the number of the last row that has a text, of the table that was
// just opened, and goes to the table's end.
func (c *cursor) countRows() (last int, err error) {
	row := 0
	for c.open {
		t, err := c.x.Next()
		if err != nil {
			return 0, err
		}
		if c.noteEnd(t); t != xmlscan.Open {
			continue
		}
		switch string(c.x.Name) {
		case "table-row":
			a, err := readRowAttributes(c.x)
			if err != nil {
				return 0, err
			}
			row = min(row+a.repeated, maxRows)
		case "p":
			last = row
		}
	}
	return last, nil
}

package xls

import (
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
)

// content is the content of a record and of the Continue records behind it, in which a
// long one goes on: [MS-XLS] 2.1.4.
type content struct {
	records *records
	rest    []byte // of the record being read
}

// start begins with the record's content from an offset on.
func (c *content) start(from int) error {
	body, err := c.records.body()
	if err != nil {
		return err
	}
	if from > len(body) {
		return errShort
	}
	c.rest = body[from:]
	return nil
}

// more goes to the Continue record behind; errShort where there is none.
func (c *content) more() (err error) {
	if err := c.records.next(); err != nil {
		return err
	}
	if c.records.kind != recContinue {
		c.records.unread()
		return errShort
	}
	c.rest, err = c.records.body()
	return err
}

// uint reads a number of so many bytes.
func (c *content) uint(bytes int) (n uint32, err error) {
	for i := range bytes {
		for len(c.rest) == 0 {
			if err := c.more(); err != nil {
				return 0, err
			}
		}
		n |= uint32(c.rest[0]) << (8 * i)
		c.rest = c.rest[1:]
	}
	return n, nil
}

// skip leaves out so many bytes.
func (c *content) skip(bytes int64) error {
	for bytes > int64(len(c.rest)) {
		bytes -= int64(len(c.rest))
		if err := c.more(); err != nil {
			return err
		}
	}
	c.rest = c.rest[bytes:]
	return nil
}

// appendString appends a string with its length, of so many bytes, in front of it:
// [MS-XLS] 2.5.293 XLUnicodeRichExtendedString, of which the others are the simple case.
// It leaves out how runs of it look, and how it is pronounced.
func (c *content) appendString(dst []byte, lengthBytes int) ([]byte, error) {
	length, err := c.uint(lengthBytes)
	if err != nil {
		return dst, err
	}
	flags, err := c.uint(1)
	if err != nil {
		return dst, err
	}
	runs, phonetic := uint32(0), uint32(0)
	if flags&8 != 0 {
		if runs, err = c.uint(2); err != nil {
			return dst, err
		}
	}
	if flags&4 != 0 {
		if phonetic, err = c.uint(4); err != nil {
			return dst, err
		}
	}
	if dst, err = c.appendChars(dst, int(length), flags&1 != 0); err != nil {
		return dst, err
	}
	return dst, c.skip(4*int64(runs) + int64(phonetic))
}

// appendChars appends characters: wide ones in UTF-16, others are the lower bytes of it.
// A Continue record that goes on with characters begins with a byte that says which:
// [MS-XLS] 2.5.293, rgb.
func (c *content) appendChars(dst []byte, count int, wide bool) ([]byte, error) {
	high := rune(0) // the first half of a pair
	for count > 0 {
		if len(c.rest) == 0 {
			if err := c.more(); err != nil {
				return dst, err
			}
			if len(c.rest) > 0 {
				wide = c.rest[0]&1 != 0
				c.rest = c.rest[1:]
			}
			continue
		}
		if !wide {
			n := min(count, len(c.rest))
			dst = appendUnpaired(dst, &high)
			for _, b := range c.rest[:n] {
				dst = utf8.AppendRune(dst, rune(b))
			}
			c.rest, count = c.rest[n:], count-n
			continue
		}
		if len(c.rest) == 1 {
			return dst, errShort // half a character
		}
		n := min(count, len(c.rest)/2)
		for i := range n {
			u := rune(le16(c.rest[2*i:]))
			if high != 0 {
				if r := utf16.DecodeRune(high, u); r != utf8.RuneError {
					dst, high = utf8.AppendRune(dst, r), 0
					continue
				}
				dst = appendUnpaired(dst, &high)
			}
			if u >= 0xD800 && u < 0xDC00 {
				high = u
				continue
			}
			dst = utf8.AppendRune(dst, u)
		}
		c.rest, count = c.rest[2*n:], count-n
	}
	return appendUnpaired(dst, &high), nil
}

// appendUnpaired appends what stands for half a pair, if there is one.
func appendUnpaired(dst []byte, high *rune) []byte {
	if *high == 0 {
		return dst
	}
	*high = 0
	return utf8.AppendRune(dst, utf8.RuneError)
}

// appendBytes appends a text of an older version, in the workbook's code page.
func (w *Workbook) appendBytes(dst, text []byte) []byte {
	ascii := true
	for _, b := range text {
		ascii = ascii && b < utf8.RuneSelf
	}
	if ascii {
		return append(dst, text...)
	}
	decoded, err := w.codePage.NewDecoder().Bytes(text)
	if err != nil {
		decoded = []byte(string([]rune(string(text)))) // never, these decoders replace
	}
	return append(dst, decoded...)
}

// codePages are those of [MS-XLS] 2.4.52 CodePage.
var codePages = map[uint16]encoding.Encoding{
	437: charmap.CodePage437, 850: charmap.CodePage850, 852: charmap.CodePage852, 855: charmap.CodePage855,
	858: charmap.CodePage858, 860: charmap.CodePage860, 862: charmap.CodePage862, 863: charmap.CodePage863,
	865: charmap.CodePage865, 866: charmap.CodePage866, 874: charmap.Windows874,
	932: japanese.ShiftJIS, 936: simplifiedchinese.GBK, 949: korean.EUCKR, 950: traditionalchinese.Big5,
	1250: charmap.Windows1250, 1251: charmap.Windows1251, 1252: charmap.Windows1252, 1253: charmap.Windows1253,
	1254: charmap.Windows1254, 1255: charmap.Windows1255, 1256: charmap.Windows1256, 1257: charmap.Windows1257,
	1258: charmap.Windows1258, 10000: charmap.Macintosh, 10007: charmap.MacintoshCyrillic,
	0x8000: charmap.Macintosh, 0x8001: charmap.Windows1252, 65001: unicode.UTF8,
}

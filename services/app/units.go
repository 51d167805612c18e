package app

import (
	"fmt"
	"strings"
	"time"
)

// ByteSize is a number of bytes, read from texts such as 50MB, 512KB, 1048576 or 0.
type ByteSize int64

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *ByteSize) UnmarshalText(text []byte) error {
	s := strings.ToUpper(strings.TrimSpace(string(text)))
	unit := int64(1)
	for suffix, n := range map[string]int64{"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30} {
		if rest, ok := strings.CutSuffix(s, suffix); ok {
			s, unit = strings.TrimSpace(rest), n
		}
	}
	var n int64
	if _, err := fmt.Sscanf(s, "%d", &n); err != nil || n < 0 || fmt.Sprint(n) != s || n > (1<<62)/unit {
		return fmt.Errorf("size %q: want for instance 50MB", text)
	}
	*b = ByteSize(n * unit)
	return nil
}

// String returns the size in the largest unit that it is a multiple of.
func (b ByteSize) String() string {
	switch {
	case b != 0 && b%(1<<30) == 0:
		return fmt.Sprintf("%dGB", b>>30)
	case b != 0 && b%(1<<20) == 0:
		return fmt.Sprintf("%dMB", b>>20)
	case b != 0 && b%(1<<10) == 0:
		return fmt.Sprintf("%dKB", b>>10)
	}
	return fmt.Sprint(int64(b))
}

// Age is how long something is kept, read from days, such as 30d, or a duration.
type Age time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *Age) UnmarshalText(text []byte) error {
	s := string(text)
	unit := time.Duration(1)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		s, unit = days+"h", 24
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > (1<<62)/unit {
		return fmt.Errorf("age %q: want for instance 30d or 12h", text)
	}
	*a = Age(d * unit)
	return nil
}

// String returns the age as a duration.
func (a Age) String() string { return time.Duration(a).String() }

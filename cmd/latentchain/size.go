package main

// A number of bytes as people write it.

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// size is a number of bytes that a flag sets: 2GB, 1.5GiB, 800MB; a number alone is of MB. 0 is a size not given.
type size int64

// sizeUnits has no unit that ends in another one before it.
var sizeUnits = []struct {
	name  string
	bytes float64
}{
	{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40}, {"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12}, {"b", 1}, {"", 1e6},
}

// Set implements pflag.Value.
func (s *size) Set(text string) error {
	for _, unit := range sizeUnits {
		number, found := strings.CutSuffix(strings.ToLower(text), unit.name)
		if !found {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if n *= unit.bytes; err == nil && n >= 1 && n < math.MaxInt64 {
			*s = size(n)
			return nil
		}
		break
	}
	return fmt.Errorf("want a size such as 800MB or 2GB")
}

// String implements pflag.Value.
func (s *size) String() string {
	if *s == 0 {
		return ""
	}
	return bytesText(int64(*s))
}

// Type implements pflag.Value.
func (s *size) Type() string { return "size" }

// Which numbers are within bounds, by trying them all.

package grammar

import (
	"fmt"
	"math/big"
	"testing"
)

func reads(l leaf, s string) bool {
	for i := range len(s) {
		next, ok := l.step(s[i])
		if !ok {
			return false
		}
		if next == nil {
			return i == len(s)-1
		}
		l = next
	}
	return l.ends()
}

func TestNumbersAreThoseWithinBounds(t *testing.T) {
	rat := func(s string) *big.Rat {
		if s == "" {
			return nil
		}
		r, _ := new(big.Rat).SetString(s)
		return r
	}
	bounds := []string{"", "-120", "-12.5", "-1", "-0.25", "0", "0.05", "7", "9.99", "10", "101.5"}
	for _, low := range bounds {
		for _, high := range bounds {
			for over := range 4 {
				for _, decimals := range []int{0, 2} {
					l := limits{low: rat(low), high: rat(high), overLow: over&1 > 0, overHigh: over&2 > 0, decimals: decimals}
					d, err := numbers(l)
					if err != nil {
						t.Fatal(err)
					}
					for n := -12600; n <= 12600; n += 25 {
						x := big.NewRat(int64(n), 100)
						if decimals == 0 && !x.IsInt() {
							continue
						}
						s := x.FloatString(decimals)
						want := true
						if l.low != nil {
							c := x.Cmp(l.low)
							want = c > 0 || c == 0 && !l.overLow
						}
						if l.high != nil {
							c := x.Cmp(l.high)
							want = want && (c < 0 || c == 0 && !l.overHigh)
						}
						if got := d != nil && reads(number{d, 0}, s); got != want {
							t.Fatalf("%s in (%s, %s) with over %d, %d decimals: %v, want %v", s, low, high, over, decimals, got, want)
						}
					}
				}
			}
		}
	}
}

func TestNumbersInJSON(t *testing.T) {
	free, err := numbers(limits{decimals: decimalDigits})
	if err != nil {
		t.Fatal(err)
	}
	threes, err := numbers(limits{multiple: 3, low: big.NewRat(-50, 1)})
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range map[string]bool{
		"0": true, "-1": true, "1.5e10": true, "1E-7": true, "0.5": true, "12": true, "1e+99": true,
		"": false, "-": false, "01": false, "-0": false, "1.": false, ".5": false, "1e": false, "1e100": false, "+1": false,
		"-0.0": false, "1234567890123456789": false,
	} {
		if got := reads(number{free, 0}, s); got != want {
			t.Errorf("%q is a number: %v, want %v", s, got, want)
		}
	}
	for n := -70; n < 500; n++ {
		if got, want := reads(number{threes, 0}, fmt.Sprint(n)), n%3 == 0 && n >= -50; got != want {
			t.Errorf("%d is a multiple of 3 from -50 up: %v, want %v", n, got, want)
		}
	}
}

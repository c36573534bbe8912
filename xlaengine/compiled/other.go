//go:build !(linux && cgo)

package compiled

// This file stands in where the plugin's functions cannot be replaced.

import "fmt"

func keep(string, string, int64) (func() Stats, error) {
	return nil, fmt.Errorf("%w: that takes Linux and cgo", ErrUnsupported)
}

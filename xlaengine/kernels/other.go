//go:build !(linux && cgo)

package kernels

// This file stands in where the plugin cannot be told of C functions.

import "fmt"

const variant = ""

func use(path string, threads int) error {
	return fmt.Errorf("%w: that takes Linux and cgo", ErrUnsupported)
}

//go:build !(linux && cgo && (amd64 || arm64))

package kernels

// This file stands in where the plugin cannot be told of C functions.

import "fmt"

const variant = ""

func use(path string, threads int) error {
	return fmt.Errorf("%w: that takes Linux on amd64 or arm64 and cgo", ErrUnsupported)
}

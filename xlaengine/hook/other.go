//go:build !(linux && cgo)

package hook

// This file stands in where the plugin's functions cannot be replaced.

import (
	"fmt"
	"unsafe"
)

var errHere = fmt.Errorf("%w: that takes Linux and cgo", ErrUnsupported)

// Compilation is one call of a plugin's compile function; there are none here.
type Compilation struct{}

func loaded(string) (file, version string, err error)   { return "", "", errHere }
func around(string, func(*Compilation)) error           { return errHere }
func rewrite(string, func(code []byte) []byte) error    { return errHere }
func register(string, string, unsafe.Pointer) error     { return errHere }
func viewOf(string, unsafe.Pointer, func() error) error { return errHere }

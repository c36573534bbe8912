// Package hook puts functions of ours between GoMLX and an XLA plugin that is loaded: around its compiler, before it, and
// among those that programs call. Neither go-xla nor GoMLX knows of it, for neither has a place for that: the plugin's
// table of functions (PJRT C API) gets another PJRT_Client_Compile and PJRT_Client_CreateViewOfDeviceBuffer.
//
// This file is what callers see. hook_linux.go (with hook_linux.c and pjrt.h) is the border to the plugin. Where there is
// no Linux or no cgo, nothing can be hooked (other.go).
package hook

import (
	"errors"
	"unsafe"
)

// ErrUnsupported is wrapped by errors where plugins cannot be hooked: outside Linux, without cgo, and with a plugin
// whose PJRT API this package does not know.
var ErrUnsupported = errors.New("the plugin cannot be hooked")

// Loaded names the file that the code of the loaded plugin in file path was read from, which need not be there any more,
// and the version of its PJRT API.
func Loaded(path string) (file, version string, err error) { return loaded(path) }

// Around has do stand in for the compile function of the loaded plugin in file path, from any goroutine. The last one
// given counts, for the whole process and for good. It calls Compile or Load of what it gets once.
func Around(path string, do func(*Compilation)) error { return around(path, do) }

// Rewrite has fn see the code of every program (StableHLO as text) before anything else does; what it returns is
// compiled instead, nil for the code as it is. The last one given counts.
func Rewrite(path string, fn func(code []byte) []byte) error { return rewrite(path, fn) }

// View has make, which makes one shared buffer of a backend on the loaded plugin in file path, make it over memory rather
// than over what it allocated. Memory begins at a multiple of 64, is as large as the buffer, and stays until the buffer is
// gone; nobody writes to it through the buffer.
func View(path string, memory unsafe.Pointer, make func() error) error {
	return viewOf(path, memory, make)
}

// Register has programs of the loaded CPU plugin in file path call handler, a C function of XLA's foreign function
// interface, by name: "stablehlo.custom_call" with API version 4. A name can be registered again with the same handler.
func Register(path, name string, handler unsafe.Pointer) error { return register(path, name, handler) }

//go:build cgo && (amd64 || arm64)

package kernels

// The border to C: the variant is chosen, and the plugin told of the handlers.

/*
#cgo CFLAGS: -O3 -Wno-psabi
#cgo LDFLAGS: -lm
#include <stdlib.h>
#include "ffi.h"
#include "kernels.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"unsafe"

	"github.com/latentchain/latentchain/xlaengine/hook"
)

var variant = choose("")

// choose makes the variant of that name the one that runs, the best one here for "".
func choose(variant string) (chosen string) {
	name := C.CString(variant)
	defer C.free(unsafe.Pointer(name))
	return C.GoString(C.kernels_choose(name))
}

var useLock sync.Mutex

func use(path string, threads int) error {
	useLock.Lock()
	defer useLock.Unlock()
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0) // which a container's share of the cores limits
	}
	C.kernels_threads(C.int(threads))
	for name, handler := range map[string]unsafe.Pointer{
		productTarget: C.kernels_call_product, attentionTarget: C.kernels_call_attention,
	} {
		if err := hook.Register(path, name, handler); err != nil {
			return unsupported(path, err)
		}
	}
	return unsupported(path, hook.Rewrite(path, rewrite))
}

func unsupported(path string, err error) error {
	// A plugin whose foreign function interface has another version says so when it refuses a handler.
	if errors.Is(err, hook.ErrUnsupported) || err != nil && strings.Contains(err.Error(), "API version") {
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	if err != nil {
		return fmt.Errorf("use kernels with %s: %w", path, err)
	}
	return nil
}

//go:build cgo

package compiled

// The border to the plugin: its table of functions is found and checked, its compile function replaced by ours, and a
// call that arrives there is given to the plugin's keeper.

/*
#cgo LDFLAGS: -ldl
#include <stdlib.h>
#include "hook.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"
)

// hooked is a plugin whose compile function was replaced. Its keeper can be exchanged while it compiles.
type hooked struct {
	api      *C.pjrt_api
	original C.pjrt_compile_fn
	keeper   atomic.Pointer[keeper]
}

var (
	hooks    [C.hook_slots]atomic.Pointer[hooked] // by the number of the C function they are called through
	hookLock sync.Mutex                           // held to fill one
)

// hook gives the programs of the plugin at path to k.
func hook(path string, k *keeper) error {
	hookLock.Lock()
	defer hookLock.Unlock()
	api, err := loadedAPI(path)
	if err != nil {
		return err
	}
	for slot := range hooks {
		h := hooks[slot].Load()
		if h != nil && h.api == api {
			h.keeper.Store(k)
			return nil
		}
		if h == nil {
			h = &hooked{api: api, original: C.hook_get(api)}
			h.keeper.Store(k)
			hooks[slot].Store(h)
			C.hook_set(api, C.int(slot))
			return nil
		}
	}
	return fmt.Errorf("%w: %d plugins keep theirs already", ErrUnsupported, len(hooks))
}

// loadedAPI returns the table of the plugin at path if it is one this package knows and may write to.
func loadedAPI(path string) (*C.pjrt_api, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var opened C.int
	api := C.hook_loaded_api(name, &opened)
	switch {
	case opened == 0:
		return nil, errors.New("it is not loaded: open a backend with it first")
	case api == nil:
		return nil, errors.New("it is no PJRT plugin: it has no GetPjrtApi")
	}
	version := fmt.Sprintf("PJRT %d.%d", api.major_version, api.minor_version)
	switch {
	case api.major_version != 0:
		return nil, fmt.Errorf("%w: the plugin speaks %s, only 0.x is known", ErrUnsupported, version)
	case api.struct_size < C.hook_api_size():
		return nil, fmt.Errorf("%w: the plugin's table (%s) has %d bytes, %d are needed", ErrUnsupported, version, api.struct_size, C.hook_api_size())
	case api.deserialize_and_load == nil || api.executable_serialize == nil:
		return nil, fmt.Errorf("%w: the plugin (%s) cannot give out programs", ErrUnsupported, version)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil, err
	}
	if !writable(string(maps), uintptr(unsafe.Pointer(&api.client_compile))) {
		return nil, fmt.Errorf("%w: the plugin's table (%s) is in memory that cannot be written", ErrUnsupported, version)
	}
	return api, nil
}

// writable looks address up in the text of /proc/self/maps.
func writable(maps string, address uintptr) bool {
	for line := range strings.Lines(maps) {
		var from, to uintptr
		var access string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &access); err == nil && from <= address && address < to {
			return strings.HasPrefix(access, "rw")
		}
	}
	return false
}

// latentchainCompile stands in for PJRT_Client_Compile.
//
//export latentchainCompile
func latentchainCompile(slot C.int, args *C.pjrt_compile_args) *C.pjrt_error {
	h := hooks[slot].Load()
	if args.struct_size < C.sizeof_pjrt_compile_args || args.program == nil || args.program.struct_size < C.sizeof_pjrt_program {
		return C.hook_compile(h.original, args) // not ours to understand
	}
	c := &call{hooked: h, args: args}
	h.keeper.Load().do(c)
	return c.failed
}

// call is one call of the plugin's compile function.
type call struct {
	*hooked
	args   *C.pjrt_compile_args
	failed *C.pjrt_error // of compiling
}

func (c *call) source() ([][]byte, error) {
	var name, version C.pjrt_text_args
	if err := c.err(C.hook_platform(c.api, c.args.client, &name, &version)); err != nil {
		return nil, err
	}
	p := c.args.program
	source := [][]byte{
		view(p.code, p.code_size), view(p.format, p.format_size), view(c.args.compile_options, c.args.compile_options_size),
		view(name.text, name.text_size), view(version.text, version.text_size),
	}
	var devices C.pjrt_devices_args
	if err := c.err(C.hook_devices(c.api, c.args.client, &devices)); err != nil {
		return nil, err
	}
	for _, device := range unsafe.Slice(devices.devices, devices.num_devices) {
		var kind C.pjrt_text_args
		if err := c.err(C.hook_kind(c.api, device, &kind)); err != nil {
			return nil, err
		}
		source = append(source, view(kind.text, kind.text_size))
	}
	return source, nil
}

// view is n bytes of C's memory.
func view(p *C.char, n C.size_t) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(p)), n) }

func (c *call) load(program []byte) error {
	return c.err(C.hook_load(c.api, c.args, unsafe.Pointer(unsafe.SliceData(program)), C.size_t(len(program))))
}

func (c *call) compile() bool {
	c.failed = C.hook_compile(c.original, c.args)
	return c.failed == nil
}

func (c *call) use(fn func(program []byte) error) error {
	var s C.pjrt_serialize_args
	if err := c.err(C.hook_serialize(c.api, c.args, &s)); err != nil {
		return fmt.Errorf("the plugin does not give out the program: %w", err)
	}
	defer C.hook_free(&s)
	return fn(view(s.bytes, s.bytes_size))
}

// err turns an error of the plugin into Go's and frees it.
func (c *call) err(e *C.pjrt_error) error {
	if e == nil {
		return nil
	}
	defer C.hook_drop(c.api, e)
	m := C.hook_message(c.api, e)
	return errors.New(strings.Join(strings.Fields(string(view(m.message, m.message_size))), " "))
}

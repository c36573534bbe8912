//go:build cgo

package hook

// The border to the plugin: its table of functions is found and checked, its compile function replaced by ours, and a
// call that arrives there is given on to those who asked.

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
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"
)

// hooked is a plugin whose compile function was replaced. Those it calls can be exchanged while it compiles.
type hooked struct {
	api      *C.pjrt_api
	original C.pjrt_compile_fn
	rewrite  atomic.Pointer[func(code []byte) []byte]
	around   atomic.Pointer[func(*Compilation)]
}

var (
	hooks    [C.hook_slots]atomic.Pointer[hooked] // by the number of the C function they are called through
	hookLock sync.Mutex                           // held to fill one
)

func around(path string, do func(*Compilation)) error {
	h, err := hook(path)
	if err == nil {
		h.around.Store(&do)
	}
	return err
}

func rewrite(path string, fn func(code []byte) []byte) error {
	h, err := hook(path)
	if err == nil {
		h.rewrite.Store(&fn)
	}
	return err
}

// hook returns the plugin at path with its compile function replaced.
func hook(path string) (*hooked, error) {
	hookLock.Lock()
	defer hookLock.Unlock()
	api, _, err := loadedAPI(path)
	if err != nil {
		return nil, err
	}
	for slot := range hooks {
		h := hooks[slot].Load()
		if h != nil && h.api == api {
			return h, nil
		}
		if h == nil {
			maps, err := os.ReadFile("/proc/self/maps")
			if err != nil {
				return nil, err
			}
			if access, _ := mapped(string(maps), uintptr(unsafe.Pointer(&api.client_compile))); !strings.HasPrefix(access, "rw") {
				return nil, fmt.Errorf("%w: the plugin's table (%s) is in memory that cannot be written", ErrUnsupported, version(api))
			}
			h = &hooked{api: api, original: C.hook_get(api)}
			hooks[slot].Store(h)
			C.hook_set(api, C.int(slot))
			return h, nil
		}
	}
	return nil, fmt.Errorf("%w: %d plugins have one already", ErrUnsupported, len(hooks))
}

func viewOf(path string, memory unsafe.Pointer, make func() error) error {
	h, err := hook(path)
	if err != nil {
		return err
	}
	if h.api.client_create_view == nil {
		return fmt.Errorf("%w: the plugin (%s) has no buffers over memory of others", ErrUnsupported, version(h.api))
	}
	runtime.LockOSThread() // which is what the plugin is called on
	defer runtime.UnlockOSThread()
	C.hook_view_of(memory)
	defer C.hook_view_of(nil)
	if err := make(); err != nil {
		return err
	}
	if C.hook_view_of(nil) != nil {
		return fmt.Errorf("%w: no buffer was made over memory", ErrUnsupported)
	}
	return nil
}

// register makes handler the function that programs call by name.
func register(path, name string, handler unsafe.Pointer) error {
	api, _, err := loadedAPI(path)
	if err != nil {
		return err
	}
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	var unknown C.int
	failed := C.hook_register(api, text, handler, &unknown)
	if unknown != 0 {
		return fmt.Errorf("%w: the plugin (%s) takes no functions in the form that is known", ErrUnsupported, version(api))
	}
	return (&hooked{api: api}).err(failed)
}

func loaded(path string) (file, v string, err error) {
	api, code, err := loadedAPI(path)
	if err != nil {
		return "", "", err
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return "", "", err
	}
	_, file = mapped(string(maps), code)
	return file, version(api), nil
}

// loadedAPI returns the table of the plugin at path if it is one this package knows, and an address in the plugin's code.
func loadedAPI(path string) (_ *C.pjrt_api, code uintptr, err error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var opened C.int
	var at unsafe.Pointer
	api := C.hook_loaded_api(name, &opened, &at)
	switch {
	case opened == 0:
		return nil, 0, errors.New("it is not loaded: open a backend with it first")
	case api == nil:
		return nil, 0, errors.New("it is no PJRT plugin: it has no GetPjrtApi")
	case api.major_version != 0:
		return nil, 0, fmt.Errorf("%w: the plugin speaks %s, only 0.x is known", ErrUnsupported, version(api))
	case api.struct_size < C.hook_api_size():
		return nil, 0, fmt.Errorf("%w: the plugin's table (%s) has %d bytes, %d are needed", ErrUnsupported, version(api), api.struct_size, C.hook_api_size())
	case api.deserialize_and_load == nil || api.executable_serialize == nil:
		return nil, 0, fmt.Errorf("%w: the plugin (%s) cannot give out programs", ErrUnsupported, version(api))
	}
	return api, uintptr(at), nil
}

func version(api *C.pjrt_api) string {
	return fmt.Sprintf("PJRT %d.%d", api.major_version, api.minor_version)
}

// mapped looks address up in the text of /proc/self/maps: what may be done there ("r-xp"), and the file that is mapped,
// which ends in " (deleted)" when it is no longer there.
func mapped(maps string, address uintptr) (access, file string) {
	for line := range strings.Lines(maps) {
		var from, to uintptr
		var skip string
		if n, _ := fmt.Sscanf(line, "%x-%x %s %s %s %s", &from, &to, &access, &skip, &skip, &skip); n < 3 || address < from || address >= to {
			continue
		}
		if at := strings.IndexByte(line, '/'); at >= 0 {
			file = strings.TrimSuffix(line[at:], "\n")
		}
		return access, file
	}
	return "", ""
}

// latentchainCompile stands in for PJRT_Client_Compile.
//
//export latentchainCompile
func latentchainCompile(slot C.int, args *C.pjrt_compile_args) *C.pjrt_error {
	h := hooks[slot].Load()
	if args.struct_size < C.sizeof_pjrt_compile_args || args.program == nil || args.program.struct_size < C.sizeof_pjrt_program {
		return C.hook_compile(h.original, args) // not ours to understand
	}
	if rewrite := h.rewrite.Load(); rewrite != nil {
		p := args.program
		if code := (*rewrite)(view(p.code, p.code_size)); code != nil {
			text := C.CBytes(code)
			defer C.free(text)
			args.program = C.hook_program(p, (*C.char)(text), C.size_t(len(code)))
			defer func() { C.free(unsafe.Pointer(args.program)); args.program = p }()
		}
	}
	c := &Compilation{hooked: h, args: args}
	if around := h.around.Load(); around != nil {
		(*around)(c)
	} else {
		c.Compile()
	}
	return c.failed
}

// Compilation is one call of a plugin's compile function.
type Compilation struct {
	*hooked
	args   *C.pjrt_compile_args
	failed *C.pjrt_error // of compiling
}

// Source returns what the program is compiled from: code, format, options, device.
func (c *Compilation) Source() ([][]byte, error) {
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

// Load has the plugin make the program from bytes it once gave.
func (c *Compilation) Load(program []byte) error {
	return c.err(C.hook_load(c.api, c.args, unsafe.Pointer(unsafe.SliceData(program)), C.size_t(len(program))))
}

// Compile has the plugin compile; false when it failed, which is the caller's to report.
func (c *Compilation) Compile() bool {
	c.failed = C.hook_compile(c.original, c.args)
	return c.failed == nil
}

// Use hands the bytes of the compiled program to fn; they last as long as fn runs.
func (c *Compilation) Use(fn func(program []byte) error) error {
	var s C.pjrt_serialize_args
	if err := c.err(C.hook_serialize(c.api, c.args, &s)); err != nil {
		return fmt.Errorf("the plugin does not give out the program: %w", err)
	}
	defer C.hook_free(&s)
	return fn(view(s.bytes, s.bytes_size))
}

// err turns an error of the plugin into Go's and frees it.
func (h *hooked) err(e *C.pjrt_error) error {
	if e == nil {
		return nil
	}
	defer C.hook_drop(h.api, e)
	m := C.hook_message(h.api, e)
	return errors.New(strings.Join(strings.Fields(string(view(m.message, m.message_size))), " "))
}

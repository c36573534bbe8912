//go:build cgo

package compiled

// The plugins whose programs are kept, and the one thing done for them: look in the folder, else compile and keep.

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/latentchain/latentchain/xlaengine/hook"
)

// keeper keeps the programs of one plugin in one folder.
type keeper struct {
	folder *folder
	made   string // plugin and machine the programs are for

	mu    sync.Mutex
	stats Stats
}

func keep(plugin, dir string, limit int64) (func() Stats, error) {
	fail := func(err error) (func() Stats, error) {
		return nil, fmt.Errorf("keep the programs of %s: %w", plugin, err)
	}
	unsupported := func(err error) (func() Stats, error) {
		if errors.Is(err, hook.ErrUnsupported) {
			err = fmt.Errorf("%w: %w", ErrUnsupported, err)
		}
		return fail(err)
	}
	file, id, err := pluginIdentity(plugin)
	if err != nil {
		return fail(err)
	}
	loaded, version, err := hook.Loaded(plugin)
	if err != nil {
		return unsupported(err)
	}
	if loaded != "" && loaded != file {
		return fail(fmt.Errorf("it was replaced since it was loaded, from %s: start the program anew", loaded))
	}
	machine, err := machineIdentity()
	if err != nil {
		return fail(err)
	}
	f, err := openFolder(dir, limit)
	if err != nil {
		return fail(err)
	}
	k := &keeper{folder: f, made: id + " " + version + "\n" + machine}
	if err := hook.Around(plugin, func(c *hook.Compilation) { k.do(c) }); err != nil {
		f.root.Close()
		return unsupported(err)
	}
	return k.Stats, nil
}

// Stats returns the counts so far.
func (k *keeper) Stats() Stats {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.stats
}

func (k *keeper) count(add func(*Stats)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	add(&k.stats)
}

// compilation is a hook.Compilation.
type compilation interface {
	Source() ([][]byte, error)
	Load(program []byte) error
	Compile() bool
	Use(fn func(program []byte) error) error
}

// do loads the program if it is kept, else compiles and keeps it.
func (k *keeper) do(c compilation) {
	start := time.Now()
	source, err := c.Source()
	if err != nil {
		if c.Compile() {
			k.count(func(s *Stats) { s.Compiled++; s.NotKept++; s.Reason = err; s.CompileTime += time.Since(start) })
		}
		return
	}
	id := keyOf(append(source, []byte(k.made))...)
	if k.loaded(id, c) {
		k.count(func(s *Stats) { s.Loaded++; s.LoadTime += time.Since(start) })
		return
	}
	start = time.Now()
	if !c.Compile() {
		return
	}
	err = c.Use(func(program []byte) error { return k.folder.write(id, program) })
	k.count(func(s *Stats) {
		s.Compiled++
		s.CompileTime += time.Since(start)
		if err != nil {
			s.NotKept++
			s.Reason = err
		}
	})
}

func (k *keeper) loaded(id key, c compilation) bool {
	program, err := k.folder.read(id)
	if err == nil && program == nil {
		return false
	}
	if err == nil {
		if err = c.Load(program); err == nil {
			return true
		}
		err = k.folder.refuse(id, err)
	}
	k.count(func(s *Stats) { s.Refused++; s.Reason = err })
	return false
}

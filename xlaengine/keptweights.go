package xlaengine

// Weights kept on disk as they are in memory: with WithKeptWeights the first start writes them to a file in the cache
// folder, the next ones map it instead of reading, dequantizing and putting together what the model's files have. Processes
// share the pages of one file.
//
// A file is the buffers one after the other, each at a multiple of 64, and a seal: the SHA-256 of what is in it by name,
// the model's digest first. It appears whole under its name or not at all. Its numbers are not looked at again, which would
// take as long as reading them anew; as with compiled programs, nobody else may write to it.

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"github.com/latentchain/latentchain/xlaengine/hook"
	"github.com/latentchain/latentchain/xlaengine/wheel"
)

// keptWeights is the file of one model.
type keptWeights struct {
	path string
	at   []int64 // of each part
	size int64   // of all parts
	seal []byte
}

func keptWeightsIn(dir, digest string, parts []part) keptWeights {
	k := keptWeights{path: filepath.Join(dir, digest+".float32")}
	seal := sha256.New()
	fmt.Fprintf(seal, "latentchain weights 1\n%s\n", digest)
	for _, part := range parts {
		k.at = append(k.at, k.size)
		fmt.Fprintf(seal, "%v %v\n", part.names, part.dims)
		const align = 64
		k.size += (4*int64(product(part.dims)) + align - 1) / align * align
	}
	k.seal = seal.Sum(nil)
	return k
}

// open maps the file; the error wraps fs.ErrNotExist if there is none.
func (k keptWeights) open() ([]byte, error) {
	f, err := os.Open(k.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := wheel.OnlyMine(info); err != nil {
		return nil, fmt.Errorf("%s: %w", k.path, err)
	}
	seal := make([]byte, len(k.seal))
	if info.Size() == k.size+int64(len(seal)) {
		_, err = f.ReadAt(seal, k.size)
	}
	if err != nil || !bytes.Equal(seal, k.seal) {
		return nil, fmt.Errorf("%s is not what was kept there", k.path)
	}
	return mapFile(f, k.size)
}

// write makes the file of the parts' numbers.
func (k keptWeights) write(ctx context.Context, parts func(i int) ([]float32, error)) (err error) {
	dir := filepath.Dir(k.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	sweep(dir)
	f, err := os.CreateTemp(dir, newWeights+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err = cmp.Or(err, f.Close()); err == nil {
			err = os.Rename(f.Name(), k.path)
		}
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	for i, at := range k.at {
		if err := ctx.Err(); err != nil {
			return err
		}
		numbers, err := parts(i)
		if err != nil {
			return err
		}
		if _, err := f.WriteAt(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(numbers))), 4*len(numbers)), at); err != nil {
			return err
		}
	}
	if _, err := f.WriteAt(k.seal, k.size); err != nil {
		return err
	}
	return f.Sync()
}

const newWeights = ".new-" // of files being written

// sweep removes what writers that died have left.
func sweep(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasPrefix(e.Name(), newWeights) && time.Since(info.ModTime()) > time.Hour {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// loadKept maps the weights if they were kept, else it reads them and keeps them. The model's digest is known.
func (e *Engine) loadKept(ctx context.Context, read func() (*params, error)) (*params, error) {
	p := new(params)
	kept := keptWeightsIn(filepath.Join(e.opts.cacheDir, "weights"), e.digest, p.parts(e.dec))
	mapping, err := kept.open()
	switch {
	case err == nil:
		if err = e.mapParams(p, mapping, kept.at); err == nil {
			e.mapping = mapping
			return p, nil
		}
		unmapFile(mapping)
		e.opts.warning(fmt.Sprintf("kept weights are not used: %v", err))
		return read()
	case errors.Is(err, errors.ErrUnsupported):
		return read()
	case !errors.Is(err, fs.ErrNotExist):
		e.opts.warning(fmt.Sprintf("kept weights are made anew: %v", err))
	}
	if p, err = read(); err != nil {
		return nil, err
	}
	parts := p.parts(e.dec)
	err = kept.write(ctx, func(i int) ([]float32, error) {
		e.opts.progress.Report("keep weights", kept.at[i], kept.size)
		return e.dev.floats(*parts[i].into)
	})
	e.opts.progress.Report("keep weights", kept.size, kept.size)
	if ctx.Err() != nil {
		p.release(e.dev)
		return nil, context.Cause(ctx)
	}
	if err != nil {
		e.opts.warning(fmt.Sprintf("weights are not kept: %v", err))
	}
	return p, nil
}

// mapParams makes buffers over mapping, each part where at says.
func (e *Engine) mapParams(p *params, mapping []byte, at []int64) error {
	for i, part := range p.parts(e.dec) {
		if err := hook.View(e.info.Backend.Path, unsafe.Pointer(&mapping[at[i]]), func() (err error) {
			*part.into, _, err = e.dev.alloc(part.dims...)
			return err
		}); err != nil {
			p.release(e.dev)
			return err
		}
	}
	if e.dec.Tied {
		p.wout = p.win
	}
	return nil
}

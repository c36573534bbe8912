package plugin

// What it costs to keep memories on disk, without what the engine does. 8 MB are some 180 positions of SmolLM2-135M; on a
// virtual machine with two cores they take 25 to 50 ms to put, syncs included, and 8 ms to check and read.

import (
	"context"
	"io"
	"os"
	"testing"
)

// atOnce writes all in one go, as engines nearly do.
type atOnce struct{ raw }

func (a atOnce) Save(_ context.Context, w io.Writer) error {
	_, err := w.Write(a.file)
	return err
}

func BenchmarkDiskStore(b *testing.B) {
	const size = 8 << 20
	m := atOnce{raw{safetensors(`{"a":{"dtype":"U8","shape":[8388608],"data_offsets":[0,8388608]}}`, string(make([]byte, size)))}}
	dir := b.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		b.Fatal(err)
	}
	s, err := OpenStore(dir, size, DiskBudget(10*size))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var handle string
	b.Run("put", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			if handle, err = s.Put(b.Context(), m, Made{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(size)
		load := func(_ context.Context, r io.Reader) (Memory, error) {
			n, err := io.Copy(io.Discard, r)
			return raw{make([]byte, min(n, 1))}, err
		}
		for b.Loop() { // each time by another engine, so that the file is read
			loan, err := s.Use(b.Context(), handle, Reader{Engine: new(int), Load: load})
			if err != nil {
				b.Fatal(err)
			}
			if err := loan.Done(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

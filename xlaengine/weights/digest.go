// The name of a set of weights: what alignment files and saved memories are kept under.

package weights

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// Digest returns an id of the weights in 64 hexadecimal digits: SHA-256 over the configuration and over every
// tensor's name, type, shape and bytes. It does not depend on where the files are, how they are sharded or what
// their tokenizer is.
//
// All bytes count because a memory or an alignment of other weights gives wrong numbers without any error, and
// fine-tuned models differ from each other in few places: no sample of the bytes, and no file time, is safe. It is
// affordable because parts are hashed at once on all cores (over 0.5 GB/s on each), and the bytes are those
// that are read anyway, so they come from memory. The result is kept in m.
func (m *Model) Digest(ctx context.Context) (string, error) {
	m.digestLock.Lock()
	defer m.digestLock.Unlock()
	if m.digest == "" {
		sum, err := m.hash(ctx)
		if err != nil {
			return "", fmt.Errorf("digest of %s: %w", m.name(), err)
		}
		m.digest = hex.EncodeToString(sum)
	}
	return m.digest, nil
}

const hashPart = 4 << 20 // part of a tensor hashed in one go; part of the definition

func (m *Model) hash(ctx context.Context) ([]byte, error) {
	c := m.Config
	c.BOS, c.EOS = 0, nil // where a text begins and ends changes no number
	header, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	parts := make([][][sha256.Size]byte, len(m.names))
	for i, name := range m.names {
		t := m.tensors[name]
		size := t.bytes()
		parts[i] = make([][sha256.Size]byte, (size+hashPart-1)/hashPart)
		for p := range parts[i] {
			from := int64(p) * hashPart
			section := io.NewSectionReader(t.file, t.offset+from, min(hashPart, size-from))
			group.Go(func() error {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				h := sha256.New()
				buf := partBuffers.Get().(*[]byte)
				defer partBuffers.Put(buf)
				n, err := io.CopyBuffer(h, section, *buf)
				if err == nil && n != section.Size() {
					err = io.ErrUnexpectedEOF
				}
				if err != nil {
					return fmt.Errorf("tensor %s: %w", t.name, err)
				}
				h.Sum(parts[i][p][:0])
				return nil
			})
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	h := sha256.New()
	fmt.Fprintf(h, "weights 1\n%s\n", header)
	for i, name := range m.names {
		t := m.tensors[name]
		fmt.Fprintf(h, "%s %s %v %d\n", name, t.format.name, t.shape, t.headDim)
		for _, part := range parts[i] {
			h.Write(part[:])
		}
	}
	return h.Sum(nil), nil
}

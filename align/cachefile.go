// Alignments on disk, one small file for each model and λ. A file is written aside and renamed, so that several
// processes may solve and keep the same alignment at once, and is believed only if its checksum is right.
//
//	"ALIGN 1\n", key [32], d uint32, MeanNorm, Lambda, Cond float64, Wa [d·d] float32, SHA-256 of all before [32]

package align

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
)

// ErrNotKept is what Cached's error is when the alignment could not be written, on a full disk for example. The
// alignment that comes with it is good.
var ErrNotKept = errors.New("alignment is not kept on disk")

// Cached returns the alignment kept in dir for a model's digest and lambda. Where there is none, or the file is
// broken, it calls solve and keeps what that returns, making dir if need be.
func Cached(dir, digest string, lambda float64, solve func() (*Alignment, error)) (*Alignment, error) {
	key := sha256.Sum256(fmt.Appendf(nil, "%s %x", digest, math.Float64bits(lambda)))
	path := filepath.Join(dir, hex.EncodeToString(key[:16])+".align")
	if data, err := os.ReadFile(path); err == nil {
		if a, ok := decode(data, key); ok && a.Lambda == lambda {
			return a, nil
		}
	}
	a, err := solve()
	if err != nil {
		return nil, err
	}
	if err := keep(path, encode(a, key)); err != nil {
		return a, fmt.Errorf("align: %w: %w", ErrNotKept, err)
	}
	return a, nil
}

const (
	fileMagic  = "ALIGN 1\n"
	headerSize = len(fileMagic) + sha256.Size + 4 + 3*8
)

func encode(a *Alignment, key [sha256.Size]byte) []byte {
	b := make([]byte, 0, headerSize+4*len(a.Wa)+sha256.Size)
	b = append(b, fileMagic...)
	b = append(b, key[:]...)
	b = binary.LittleEndian.AppendUint32(b, uint32(a.D))
	for _, v := range []float64{a.MeanNorm, a.Lambda, a.Cond} {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	for _, v := range a.Wa {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// decode reports false for a file that is cut, damaged, of another version or for another key.
func decode(b []byte, key [sha256.Size]byte) (*Alignment, bool) {
	if len(b) < headerSize+sha256.Size || !bytes.HasPrefix(b, append([]byte(fileMagic), key[:]...)) {
		return nil, false
	}
	body := b[:len(b)-sha256.Size]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], b[len(body):]) {
		return nil, false
	}
	rest := body[len(fileMagic)+sha256.Size:]
	d := int64(binary.LittleEndian.Uint32(rest))
	if int64(len(body)-headerSize) != 4*d*d {
		return nil, false
	}
	number := func(i int) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(rest[4+8*i:])) }
	a := &Alignment{D: int(d), MeanNorm: number(0), Lambda: number(1), Cond: number(2), Wa: make([]float32, d*d)}
	for i := range a.Wa {
		a.Wa[i] = math.Float32frombits(binary.LittleEndian.Uint32(body[headerSize+4*i:]))
	}
	return a, true
}

func keep(path string, data []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".align-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

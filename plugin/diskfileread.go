package plugin

// A memory's file is read: first its header is checked and believed, then all of it, then the engine gets what Save
// wrote, byte by byte.

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// fileHeader is the beginning of a file, checked.
type fileHeader struct {
	about    about
	saved    []byte // the header as Save wrote it
	length   int64  // of the file's own header
	size     int64  // of the file
	modified time.Time
}

// readHeader reads and checks the header. Nothing is parsed that the key did not sign.
func readHeader(k key, f *os.File) (h fileHeader, err error) {
	info, err := f.Stat()
	if err != nil {
		return h, err
	}
	h.size, h.modified = info.Size(), info.ModTime()
	var first [8]byte
	if h.size < int64(len(first))+hmacSize {
		return h, bad("it has %d bytes; it is truncated", h.size)
	}
	if _, err := f.ReadAt(first[:], 0); err != nil {
		return h, err
	}
	n := binary.LittleEndian.Uint64(first[:])
	if n > maxHeader || int64(n) > h.size-int64(len(first))-hmacSize {
		return h, bad("its header has %d bytes, the whole file %d; it is damaged or no memory's file", n, h.size)
	}
	h.length = int64(len(first)) + int64(n)
	header, said := make([]byte, h.length), make([]byte, sha256.Size)
	if _, err := f.ReadAt(header, 0); err != nil {
		return h, err
	}
	if _, err := f.ReadAt(said, h.size-hmacSize); err != nil {
		return h, err
	}
	mac := k.hash("header")
	mac.Write(header)
	if !hmac.Equal(said, mac.Sum(nil)) {
		return h, bad("its header is not signed with this store's key; it is damaged, truncated or of another store")
	}
	h.about, h.saved, err = taken(header[len(first):])
	return h, err
}

// taken returns what a store added to a header, and the header as it was before.
func taken(text []byte) (a about, saved []byte, err error) {
	_, meta, _, err := parseHeader(text)
	if err != nil {
		return a, nil, bad("its header: %v", err)
	}
	if err := json.Unmarshal([]byte(meta[keptKey]), &a); err != nil {
		return a, nil, bad("its header under %q: %v", keptKey, err)
	}
	if a.Version != fileVersion {
		return a, nil, bad("it is of version %d, this program reads version %d", a.Version, fileVersion)
	}
	return a, withLength([]byte(meta[savedKey])), nil
}

// readMemory checks all bytes of a file, that it is the one of want, and loads the memory.
func readMemory(ctx context.Context, k key, f *os.File, want about, load func(context.Context, io.Reader) (Memory, error)) (Memory, error) {
	h, err := readHeader(k, f)
	if err != nil {
		return nil, err
	}
	if h.about.ID != want.ID {
		return nil, bad("it is the file of another memory, %s", h.about.ID)
	}
	whole := k.hash("file")
	if _, err := io.Copy(whole, &interruptible{ctx, io.NewSectionReader(f, 0, h.size-sha256.Size)}); err != nil {
		return nil, err
	}
	said := make([]byte, sha256.Size)
	if _, err := f.ReadAt(said, h.size-sha256.Size); err != nil {
		return nil, err
	}
	if !hmac.Equal(said, whole.Sum(nil)) {
		return nil, bad("its bytes are not those that this store's key signed; it is damaged")
	}
	body := io.NewSectionReader(f, h.length, h.size-h.length-hmacSize)
	m, err := load(ctx, io.MultiReader(bytes.NewReader(h.saved), body))
	if err != nil {
		return nil, err
	}
	if m.Len() != h.about.Positions {
		_ = m.Close()
		return nil, bad("it has %d positions, its header says %d", m.Len(), h.about.Positions)
	}
	return m, nil
}

// interruptible reads as long as ctx lasts.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i *interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}

// badFile is the error for a file that is not what it should be.
type badFile struct{ why string }

func (b *badFile) Error() string { return b.why }

func bad(format string, args ...any) error { return &badFile{fmt.Sprintf(format, args...)} }

package plugin

// A memory's file is read: first its header is checked and believed, then the engine gets what Save wrote, byte by byte.
// What it got is checked as it goes by, since a file may change while it is read, and nobody has the memory before that.

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"os"
	"time"
)

// fileHeader is the beginning of a file, checked.
type fileHeader struct {
	about    about
	saved    []byte // the header as Save wrote it
	text     []byte // the file's own header, as it was read
	mac      []byte // of text
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
	h.text, h.mac = make([]byte, len(first)+int(n)), make([]byte, sha256.Size)
	if _, err := f.ReadAt(h.text, 0); err != nil {
		return h, err
	}
	if _, err := f.ReadAt(h.mac, h.size-hmacSize); err != nil {
		return h, err
	}
	mac := k.hash("header")
	mac.Write(h.text)
	if !hmac.Equal(h.mac, mac.Sum(nil)) {
		return h, bad("its header is not signed with this store's key; it is damaged, truncated or of another store")
	}
	h.about, h.saved, err = taken(h.text[len(first):])
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

// readMemory loads the memory of a file, if that is the one of want and load got the bytes that k signed, and all of them.
func readMemory(ctx context.Context, k key, f *os.File, want about, load func(context.Context, io.Reader) (Memory, error)) (Memory, error) {
	h, err := readHeader(k, f)
	if err != nil {
		return nil, err
	}
	if h.about.ID != want.ID {
		return nil, bad("it is the file of another memory, %s", h.about.ID)
	}
	whole := k.hash("file")
	whole.Write(h.text)
	from := int64(len(h.text))
	body := io.TeeReader(&interruptible{ctx, io.NewSectionReader(f, from, h.size-from-hmacSize)}, whole)
	m, failed := load(ctx, io.MultiReader(bytes.NewReader(h.saved), body))
	err = h.checkRest(f, body, whole) // whatever load made of it: what is damaged is that first
	if err == nil && failed != nil {
		if err = failed; ctx.Err() == nil {
			err = &unloaded{failed}
		}
	}
	if err == nil && m.Len() != h.about.Positions {
		err = bad("it has %d positions, its header says %d", m.Len(), h.about.Positions)
	}
	if err == nil {
		return m, nil
	}
	if failed == nil {
		_ = m.Close()
	}
	return nil, err
}

// checkRest reads what is left of body and checks all of it, which goes into whole as it is read.
func (h fileHeader) checkRest(f *os.File, body io.Reader, whole hash.Hash) error {
	if _, err := io.Copy(io.Discard, body); err != nil {
		return err
	}
	whole.Write(h.mac)
	said := make([]byte, sha256.Size)
	if _, err := f.ReadAt(said, h.size-sha256.Size); err != nil {
		return err
	}
	if !hmac.Equal(said, whole.Sum(nil)) {
		return bad("its bytes are not those that this store's key signed; it is damaged")
	}
	return nil
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

// unloaded is what load says of a file that is as it was written.
type unloaded struct{ error }

func (u *unloaded) Unwrap() error { return u.error }

// badFile is the error for a file that is not what it should be.
type badFile struct{ why string }

func (b *badFile) Error() string { return b.why }

func bad(format string, args ...any) error { return &badFile{fmt.Sprintf(format, args...)} }

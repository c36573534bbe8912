package plugin

// A memory's file in a DiskStore: what the memory's Save wrote, in the safetensors format, with two things added. In the
// header's __metadata__, under "kept", is what the store knows of the memory, and under "saved" the header as Save wrote
// it. At the end is a tensor "hmac", U8 [2, 32]: the HMAC-SHA256 of the header, so that it can be believed without
// reading the rest, and that of everything before it. Any safetensors reader opens the file, but what is believed is
// only what the key signed. This file writes, diskfileread.go reads and checks.

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"time"
	"unicode/utf8"
)

const (
	fileVersion  = 1
	metadataName = "__metadata__"
	keptKey      = "kept"
	savedKey     = "saved"
	hmacName     = "hmac"
	hmacSize     = 2 * sha256.Size
)

// about is what a file says of its memory, besides what Save writes: model digest, number type, layers' shapes.
type about struct {
	Version   int        `json:"version"`
	ID        string     `json:"id"`
	Scope     string     `json:"scope"`
	Model     string     `json:"model"`
	Digest    string     `json:"digest"`
	Holds     []string   `json:"holds,omitempty"`
	Positions int        `json:"positions"`
	Bytes     int64      `json:"bytes"`
	Made      time.Time  `json:"made"`
	Expires   *time.Time `json:"expires,omitempty"`
}

func aboutOf(i id, info Info) about {
	a := about{
		Version: fileVersion, ID: i.String(), Scope: info.Scope, Model: info.Model, Digest: info.Digest, Holds: info.Holds,
		Positions: info.Positions, Bytes: info.Bytes, Made: info.Made.UTC(),
	}
	if !info.Expires.IsZero() {
		expires := info.Expires.UTC()
		a.Expires = &expires
	}
	return a
}

func (a about) info() Info {
	info := Info{
		Scope: a.Scope, Model: a.Model, Digest: a.Digest, Holds: a.Holds,
		Positions: a.Positions, Bytes: a.Bytes, Made: a.Made,
	}
	if a.Expires != nil {
		info.Expires = *a.Expires
	}
	return info
}

// writeMemory writes m's file.
func writeMemory(ctx context.Context, k key, w io.Writer, m Saver, a about) error {
	whole := k.hash("file")
	out := &rewriter{w: io.MultiWriter(w, whole), about: a, mac: k.hash("header")}
	if err := m.Save(ctx, out); err != nil {
		return err
	}
	if !out.begun || out.head != nil {
		return errors.New("what the memory wrote is no safetensors file")
	}
	if _, err := io.MultiWriter(w, whole).Write(out.mac.Sum(nil)); err != nil {
		return err
	}
	_, err := w.Write(whole.Sum(nil))
	return err
}

// hash returns a keyed hash for one part of a file.
func (k key) hash(part string) hash.Hash {
	mac := hmac.New(sha256.New, k[:])
	mac.Write([]byte("latentchain " + part + " 1\x00"))
	return mac
}

// rewriter passes a safetensors file on, its header with the additions.
type rewriter struct {
	w     io.Writer
	about about
	mac   hash.Hash // of the header
	head  []byte    // what came of the header; nil once it is through
	begun bool
}

func (r *rewriter) Write(p []byte) (int, error) {
	if r.begun && r.head == nil {
		return r.w.Write(p)
	}
	r.begun = true
	r.head = append(r.head, p...)
	if len(r.head) < 8 {
		return len(p), nil
	}
	n := binary.LittleEndian.Uint64(r.head)
	if n > maxHeader {
		return 0, fmt.Errorf("the memory's header has %d bytes, want at most %d", n, maxHeader)
	}
	if uint64(len(r.head))-8 < n {
		return len(p), nil
	}
	header, err := added(r.head[8:8+n], r.about)
	if err != nil {
		return 0, err
	}
	rest := r.head[8+n:]
	r.head = nil
	r.mac.Write(header)
	if _, err := r.w.Write(header); err != nil {
		return 0, err
	}
	if _, err := r.w.Write(rest); err != nil {
		return 0, err
	}
	return len(p), nil
}

// maxHeader bounds what is allocated for a header.
const maxHeader = 64 << 20

// tensor is one entry of a header.
type tensor struct {
	DType   string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// added returns the header, length included, with what the store adds.
func added(text []byte, a about) ([]byte, error) {
	entries, meta, end, err := parseHeader(text)
	if err != nil {
		return nil, fmt.Errorf("the memory's header: %w", err)
	}
	if _, ok := entries[hmacName]; ok || meta[keptKey] != "" || meta[savedKey] != "" || !utf8.Valid(text) {
		return nil, errors.New("the memory's header has what a store adds already, or is not UTF-8")
	}
	said, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	if meta == nil {
		meta = map[string]string{}
	}
	meta[keptKey], meta[savedKey] = string(said), string(text)
	hmacEntry, err := json.Marshal(tensor{"U8", []int{2, sha256.Size}, [2]int64{end, end + hmacSize}})
	if err != nil {
		return nil, err
	}
	entries[hmacName] = hmacEntry
	if entries[metadataName], err = json.Marshal(meta); err != nil {
		return nil, err
	}
	if text, err = json.Marshal(entries); err != nil {
		return nil, err
	}
	return withLength(append(text, bytes.Repeat([]byte(" "), -len(text)&7)...)), nil // tensors begin at multiples of 8
}

// withLength returns a header as it is in a file.
func withLength(text []byte) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)
}

// parseHeader returns a header's entries but __metadata__, that apart, and where the last tensor ends.
func parseHeader(text []byte) (entries map[string]json.RawMessage, meta map[string]string, end int64, err error) {
	if err := json.Unmarshal(text, &entries); err != nil {
		return nil, nil, 0, err
	}
	if entries == nil {
		return nil, nil, 0, errors.New("it is null")
	}
	if m, ok := entries[metadataName]; ok {
		if err := json.Unmarshal(m, &meta); err != nil {
			return nil, nil, 0, err
		}
		delete(entries, metadataName)
	}
	for name, entry := range entries {
		var t tensor
		if err := json.Unmarshal(entry, &t); err != nil {
			return nil, nil, 0, fmt.Errorf("tensor %s: %w", strconv.Quote(name), err)
		}
		end = max(end, t.Offsets[1])
	}
	return entries, meta, end, nil
}

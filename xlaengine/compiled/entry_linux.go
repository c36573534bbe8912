//go:build cgo

package compiled

// One file in the folder: a mark of the format, the key it was kept under, the plugin's bytes, and the SHA-256 of all
// that. The sum tells damage from what was written; who may write is the folder's business.

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
)

// key names a program: what it was compiled from and for.
type key [sha256.Size]byte

func (k key) String() string { return hex.EncodeToString(k[:]) }

const entryMark = "latentchain program 1\n"

const entryOverhead = len(entryMark) + 2*sha256.Size

// seal returns the file of program under k, in parts.
func seal(k key, program []byte) [][]byte {
	parts := [][]byte{[]byte(entryMark), k[:], program}
	sum := sha256.New()
	for _, p := range parts {
		sum.Write(p)
	}
	return append(parts, sum.Sum(nil))
}

// unseal returns the program in file, which is a part of it.
func unseal(k key, file []byte) (program []byte, err error) {
	if len(file) < entryOverhead || !bytes.HasPrefix(file, []byte(entryMark)) {
		return nil, errors.New("it is cut short or not a program")
	}
	body, sum := file[:len(file)-sha256.Size], file[len(file)-sha256.Size:]
	if got := sha256.Sum256(body); !bytes.Equal(got[:], sum) {
		return nil, errors.New("its SHA-256 does not fit: it is damaged")
	}
	if body = body[len(entryMark):]; !bytes.Equal(body[:len(k)], k[:]) {
		return nil, errors.New("it is the program of another key")
	}
	return body[len(k):], nil
}

package plugin

// A handle is the string that stands for a memory inside a prompt: ⟦latent:…⟧ around 32 bytes in base32, of which 16
// are random (the memory's name) and 16 sign them for one store. Whoever did not get a handle can't make one up, and
// one that was cut or changed on its way is noticed. Base32 has one case, so that templates may change it.

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"regexp"
	"strings"

	"github.com/tmc/langchaingo/llms"
)

const (
	handleBegin = "⟦latent:"
	handleEnd   = "⟧"
)

// id names a memory in a store.
type id [16]byte

// key signs the handles of a store.
type key [32]byte

func newKey() (k key) {
	rand.Read(k[:]) // never fails
	return k
}

func newID() (i id) {
	rand.Read(i[:])
	return i
}

var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// handle returns the string for i.
func (k key) handle(i id) string {
	return handleBegin + strings.ToLower(encoding.EncodeToString(append(i[:], k.signature(i)...))) + handleEnd
}

// signature returns 16 bytes: half of the HMAC is as hard to guess as the name itself.
func (k key) signature(i id) []byte {
	mac := hmac.New(sha256.New, k[:])
	mac.Write([]byte("latentchain handle 1\x00"))
	mac.Write(i[:])
	return mac.Sum(nil)[:16]
}

// read returns the memory's name if handle was made with this key.
func (k key) read(handle string) (i id, err error) {
	body := strings.TrimSuffix(handle, handleEnd)
	if len(body) == len(handle) || len(body) < len(handleBegin) || !strings.EqualFold(body[:len(handleBegin)], handleBegin) {
		return i, damaged(handle)
	}
	written := strings.ToUpper(body[len(handleBegin):])
	data, err := encoding.DecodeString(written)
	// Several strings decode to the same bytes, because the last character has bits to spare; one of them is made.
	if err != nil || len(data) != len(i)+16 || encoding.EncodeToString(data) != written {
		return i, damaged(handle)
	}
	copy(i[:], data)
	if !hmac.Equal(data[len(i):], k.signature(i)) {
		return id{}, refused("handle %s was not made by this model's store; pass on handles as they came, within one process", short(handle))
	}
	return i, nil
}

func damaged(handle string) error {
	return refused("handle %s is cut short or changed; pass on handles as they came", short(handle))
}

// short is enough of a handle to recognise it in a message, and too little to use it.
func short(handle string) string {
	const show = len(handleBegin) + 6
	if len(handle) <= show {
		return fmt.Sprintf("%q", handle)
	}
	return fmt.Sprintf("%q", strings.ToValidUTF8(handle[:show], "")+"…")
}

var anyHandle = regexp.MustCompile(`(?i)⟦latent:[^⟦⟧\s]*⟧?`)

// cutHandles takes the handles out of text, and the line with one that stood alone on it. They come back as they were
// written, damaged ones too.
func cutHandles(text string) (rest string, handles []string) {
	var out bytes.Buffer
	at := 0
	for _, span := range anyHandle.FindAllStringIndex(text, -1) {
		out.WriteString(text[at:span[0]])
		handles = append(handles, text[span[0]:span[1]])
		at = span[1]
		lineBegins := out.Len() == 0 || bytes.HasSuffix(out.Bytes(), []byte("\n"))
		if lineBegins && strings.HasPrefix(text[at:], "\n") {
			at++
		}
	}
	out.WriteString(text[at:])
	return out.String(), handles
}

// refused is the error for a request that can never work.
func refused(format string, args ...any) error {
	return llms.NewError(llms.ErrCodeInvalidRequest, provider, fmt.Sprintf(format, args...))
}

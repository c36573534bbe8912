package plugin

// A handle is the string that stands for a memory inside a prompt: ⟦latent:…⟧ around 32 bytes in base32, of which 16
// are random (the memory's name) and 16 sign them for one store and one scope. Whoever did not get a handle can't make
// one up, and one that was cut or changed on its way is noticed. Base32 has one case, so that templates may change it.
// How handles are found in text is in handletext.go, what becomes of them in a call in handleuse.go.

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"

	"github.com/tmc/langchaingo/llms"
)

const (
	handleBegin = "⟦latent:"
	handleEnd   = "⟧"
)

// id names a memory in a store.
type id [16]byte

func newID() (i id) {
	rand.Read(i[:]) // never fails
	return i
}

var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// String is the name of the memory's file too; without the key no handle can be made of it.
func (i id) String() string { return strings.ToLower(encoding.EncodeToString(i[:])) }

// key signs for one store.
type key [32]byte

func newKey() (k key) {
	rand.Read(k[:])
	return k
}

// minSecret is how many bytes a secret has at least.
const minSecret = 32

// keyFor derives a key for one purpose from a store's secret, so that what is signed for one never passes for another.
func keyFor(secret []byte, purpose string) (key, error) {
	derived, err := hkdf.Key(sha256.New, secret, nil, "latentchain "+purpose, len(key{}))
	if err != nil {
		return key{}, fmt.Errorf("derive the key of %s: %w", purpose, err)
	}
	return key(derived), nil
}

// handle returns the string for i in scope.
func (k key) handle(i id, scope string) string {
	return handleBegin + strings.ToLower(encoding.EncodeToString(append(i[:], k.signature(i, scope)...))) + handleEnd
}

// signature returns 16 bytes: half of the HMAC is as hard to guess as the name itself.
func (k key) signature(i id, scope string) []byte {
	mac := hmac.New(sha256.New, k[:])
	mac.Write([]byte("latentchain handle 2\x00"))
	mac.Write(i[:])
	mac.Write([]byte(scope)) // last, so that where it begins and ends is certain
	return mac.Sum(nil)[:16]
}

// read returns the memory's name if handle was made with this key for this scope.
func (k key) read(handle, scope string) (i id, err error) {
	body := strings.TrimSuffix(handle, handleEnd)
	if len(body) == len(handle) || len(body) < len(handleBegin) || !strings.EqualFold(body[:len(handleBegin)], handleBegin) {
		return i, damaged(handle)
	}
	written := strings.ToUpper(body[len(handleBegin):])
	data, err := encoding.DecodeString(written)
	// Several strings decode to the same bytes, because the last character has bits to spare; one of them is made. And
	// there are letters of other lengths whose upper case is one of the alphabet's.
	if err != nil || len(written) != len(body)-len(handleBegin) || len(data) != len(i)+16 || encoding.EncodeToString(data) != written {
		return i, damaged(handle)
	}
	copy(i[:], data)
	if !hmac.Equal(data[len(i):], k.signature(i, scope)) { // in constant time
		return id{}, refused("handle %s was not made by this model's store for this scope; pass on handles as they came, to models that share the store", short(handle))
	}
	return i, nil
}

func damaged(handle string) error {
	return refused("handle %s is cut short or changed; pass on handles as they came", short(handle))
}

// short is enough of a handle, or of what is left of one, to recognise it in a message, and too little to use it: at most
// six letters of those that count.
func short(handle string) string {
	show := 6
	for _, begin := range []string{"latent:", "latent%3a", "⟦"} {
		if at := strings.Index(strings.ToLower(handle), begin); at >= 0 {
			show = at + len(begin) + 6
			break
		}
	}
	if len(handle) <= show {
		return fmt.Sprintf("%q", handle)
	}
	return fmt.Sprintf("%q", strings.ToValidUTF8(handle[:show], "")+"…")
}

// refused is the error for a request that can never work.
func refused(format string, args ...any) error {
	return llms.NewError(llms.ErrCodeInvalidRequest, provider, fmt.Sprintf(format, args...))
}

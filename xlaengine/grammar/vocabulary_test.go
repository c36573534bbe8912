// Vocabularies for the tests: SmolLM2's, and small ones to try out all of.

package grammar

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gomlx/go-huggingface/models/gguf"

	"github.com/latentchain/latentchain/xlaengine/token"
)

var readSmollm = sync.OnceValues(func() (*token.Tokenizer, error) {
	packed, err := os.Open("../token/testdata/smollm2.gguf.gz")
	if err != nil {
		return nil, err
	}
	defer packed.Close()
	r, err := gzip.NewReader(packed)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "model.gguf")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		return nil, err
	}
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	return token.FromGGUF(f)
})

// smollmTokens returns the bytes of SmolLM2's 49152 tokens.
func smollmTokens(t testing.TB) [][]byte {
	t.Helper()
	tokenizer, err := readSmollm()
	if err != nil {
		t.Fatal(err)
	}
	letters := map[rune]byte{} // of byte-level vocabularies
	next := rune(0x100)
	for b := range 256 {
		r := rune(b)
		if r < '!' || r > '~' && r < '¡' || r == 0xad {
			r, next = next, next+1
		}
		letters[r] = byte(b)
	}
	tokens := make([][]byte, tokenizer.Size())
	for id := range tokens {
		word, ok := tokenizer.Text(id)
		if !ok || tokenizer.IsSpecial(id) {
			continue
		}
		for _, r := range word {
			tokens[id] = append(tokens[id], letters[r])
		}
	}
	return tokens
}

var shared struct {
	once       sync.Once
	vocabulary *Vocabulary
}

// smollmVocabulary returns SmolLM2's vocabulary, the same for all tests.
func smollmVocabulary(t testing.TB) *Vocabulary {
	t.Helper()
	shared.once.Do(func() { shared.vocabulary = vocabulary(t, smollmTokens(t)) })
	if shared.vocabulary == nil {
		t.Fatal("no vocabulary")
	}
	return shared.vocabulary
}

func vocabulary(t testing.TB, tokens [][]byte) *Vocabulary {
	t.Helper()
	v, err := NewVocabulary(tokens)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// smallVocabulary has the printable ASCII characters, more words, and a special token in front.
func smallVocabulary(t testing.TB, more ...string) *Vocabulary {
	t.Helper()
	tokens := [][]byte{nil}
	for b := byte(' '); b <= '~'; b++ {
		tokens = append(tokens, []byte{b})
	}
	for _, w := range more {
		tokens = append(tokens, []byte(w))
	}
	return vocabulary(t, tokens)
}

// allBytes are the bytes beyond ASCII, each a token.
func allBytes() (all []string) {
	for b := 0x80; b < 0x100; b++ {
		all = append(all, string([]byte{byte(b)}))
	}
	return all
}

func TestVocabularyNeedsASCII(t *testing.T) {
	_, err := NewVocabulary([][]byte{[]byte("a"), []byte("{}")})
	if err == nil || !strings.Contains(err.Error(), "no token is ' ' alone") {
		t.Errorf("a vocabulary without a space: %v", err)
	}
}

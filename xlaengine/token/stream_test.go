package token

import (
	"encoding/json"
	"os"
	"testing"
	"unicode/utf8"
)

func TestStreamEqualsDecodeAndNeverSplitsACharacter(t *testing.T) {
	sp, err := os.ReadFile("testdata/bpe.model")
	if err != nil {
		t.Fatal(err)
	}
	pieces, err := fromSentencePiece(sp)
	if err != nil {
		t.Fatal(err)
	}
	meta, err := fromJSON(json.RawMessage(metaspaceJSON), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, tokenizer := range map[string]*Tokenizer{
		"byte-level": smollm(t), "sentencepiece": pieces, "metaspace": meta,
	} {
		t.Run(name, func(t *testing.T) {
			for _, g := range readGolden(t, "tokens-smollm2-135m.json") {
				ids, err := tokenizer.Encode(g.Text)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := streamed(t, tokenizer.NewStream(), ids), tokenizer.Decode(ids); got != want {
					t.Errorf("streams %q, decodes %q", got, want)
				}
			}
		})
	}
}

const metaspaceJSON = `{"pre_tokenizer": {"type": "Metaspace", "replacement": "▁"}, "decoder": {"type": "Metaspace", "replacement": "▁"},
	"model": {"type": "BPE", "unk_token": "?", "vocab": {"?": 0, "▁": 1, "a": 2, "▁a": 3}, "merges": ["▁ a"]}}`

func TestStreamOfBrokenBytes(t *testing.T) {
	tokenizer := open(t, models+"tiny-llama3")
	byteID := func(b byte) int {
		for r, of := range alphabet {
			if of == b {
				id, ok := tokenizer.ID(string(r))
				if !ok {
					t.Fatalf("no token for byte %#x", b)
				}
				return id
			}
		}
		return -1
	}
	for _, c := range []struct {
		name  string
		bytes string
		push  []string
		flush string
	}{
		{"cut off at the end", "\xe6\x97", []string{"", ""}, "\ufffd"},
		{"broken off by a letter", "\xe6\x97A", []string{"", "", "\ufffdA"}, ""},
		{"broken off by another", "\xe6\xe6\x97\xa5", []string{"", "\ufffd", "", "日"}, ""},
		{"stray continuation", "\x97A", []string{"\ufffd", "A"}, ""},
		{"never a character", "\xc3\x28", []string{"", "\ufffd("}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := tokenizer.NewStream()
			for i := range len(c.bytes) {
				if got := s.Push(byteID(c.bytes[i])); got != c.push[i] || !utf8.ValidString(got) {
					t.Errorf("push %d gives %q, want %q", i, got, c.push[i])
				}
			}
			if got := s.Flush(); got != c.flush {
				t.Errorf("flush gives %q, want %q", got, c.flush)
			}
			if got := s.Flush(); got != "" {
				t.Errorf("second flush gives %q", got)
			}
		})
	}
}

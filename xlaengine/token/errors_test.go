// Files that are broken or say what this package does not do: a clear error, no panic.

package token

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUnsupportedPartsAreNamed(t *testing.T) {
	const model = `"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}`
	for _, c := range []struct{ json, want string }{
		{`{`, "unexpected end"},
		{`{}`, "vocabulary is empty"},
		{`{"model": {"type": "Unigram", "vocab": [["a", 1]]}}`, `"Unigram" is not supported`},
		{`{"model": {"vocab": {"a": -1}}}`, `token "a": id -1`},
		{`{"model": {"vocab": {"a": 99999999999}}}`, `token "a": id 99999999999`},
		{`{"model": {"vocab": {"a": 0}, "merges": ["a b"]}}`, `"b" is not in the vocabulary`},
		{`{"model": {"vocab": {"a": 0}, "merges": ["ab"]}}`, `merge 0 is "ab"`},
		{`{"model": {"vocab": {"a": 0}, "merges": [["a"]]}}`, "merge 0 has 1 parts"},
		{`{"model": {"vocab": {"a": 0}, "merges": 3}}`, "merges are neither"},
		{`{"model": {"vocab": {"a": 0}, "unk_token": "u"}}`, `unk_token "u"`},
		{`{"model": {"vocab": {"a": 0}, "dropout": 0.1}}`, "dropout 0.1"},
		{`{"model": {"vocab": {"a": 0}, "end_of_word_suffix": "</w>"}}`, `end_of_word_suffix "</w>"`},
		{`{"model": {"vocab": {"a": 0}, "continuing_subword_prefix": "##"}}`, `continuing_subword_prefix "##"`},
		{`{"normalizer": {"type": "Precompiled"}, ` + model + `}`, `normalizer "Precompiled" is not supported`},
		{`{"normalizer": {"type": "Sequence", "normalizers": [{"type": "Nmt"}]}, ` + model + `}`, `"Nmt"`},
		{`{"normalizer": {"type": "Replace", "pattern": {}}, ` + model + `}`, "neither Regex nor String"},
		{`{"pre_tokenizer": {"type": "BertPreTokenizer"}, ` + model + `}`, `"BertPreTokenizer" is not supported`},
		{`{"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(a"}, "behavior": "Isolated"}, ` + model + `}`, `"(a"`},
		{`{"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "[a&&[b]]"}, "behavior": "Isolated"}, ` + model + `}`, "&&"},
		{`{"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "\\h"}, "behavior": "Isolated"}, ` + model + `}`, `\h is not supported`},
		{`{"pre_tokenizer": {"type": "Split", "pattern": {"String": "a"}, "behavior": "Odd"}, ` + model + `}`, `behavior "Odd"`},
		{`{"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "ByteLevel"}, {"type": "Digits"}]}, ` + model + `}`, "last of a Sequence"},
		{`{"pre_tokenizer": {"type": "Metaspace", "replacement": "_", "prepend_scheme": "odd"}, ` + model + `}`, `"odd"`},
		{`{"decoder": {"type": "WordPiece"}, ` + model + `}`, `"WordPiece" is not supported`},
		{`{"decoder": {"type": "Strip", "content": " ", "start": 0, "stop": 1}, ` + model + `}`, "stop 0"},
		{`{"decoder": {"type": "Strip", "content": " ", "start": 1, "stop": 0}, ` + model + `}`, "Strip is supported only after Fuse"},
		{`{"decoder": {"type": "Sequence", "decoders": [{"type": "ByteLevel"}, {"type": "ByteFallback"}]}, ` + model + `}`, "ByteLevel together"},
		{`{"added_tokens": [{"id": 4000000000, "content": "x"}], ` + model + `}`, `token "x": id 4000000000`},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "tokenizer.json"), []byte(c.json), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "open tokenizer in "+dir) {
			t.Errorf("%s:\n got %v\nwant an error that says %q", c.json, err, c.want)
		}
	}
}

func TestFolderWithoutTokenizerSaysWhatIsMissing(t *testing.T) {
	_, err := Open(t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "neither tokenizer.json nor tokenizer.model") {
		t.Errorf("error %v", err)
	}
}

func TestFilesBesideTokenizerJSON(t *testing.T) {
	const tokenizer = `{"added_tokens": [{"id": 1, "content": "<s>", "special": true}, {"id": 2, "content": "</s>", "special": true}],
		"model": {"type": "BPE", "vocab": {"a": 0, "b": 3}, "merges": []}}`
	for _, c := range []struct {
		name  string
		files map[string]string
		bos   int
		eos   string
		err   string
	}{
		{"none", nil, -1, "[2]", ""},
		{"text", map[string]string{"tokenizer_config.json": `{"bos_token": "<s>", "eos_token": "b"}`}, 1, "[2 3]", ""},
		{"object", map[string]string{"special_tokens_map.json": `{"bos_token": {"content": "<s>"}}`}, 1, "[2]", ""},
		{"id", map[string]string{"config.json": `{"bos_token_id": 1, "eos_token_id": 3}`}, 1, "[2 3]", ""},
		{"ids", map[string]string{"generation_config.json": `{"eos_token_id": [3, 0]}`}, -1, "[0 2 3]", ""},
		{"null is no begin", map[string]string{"tokenizer_config.json": `{"bos_token": null}`, "config.json": `{"bos_token_id": 1}`}, -1, "[2]", ""},
		{"id outside", map[string]string{"config.json": `{"bos_token_id": 77, "eos_token_id": -1}`}, -1, "[2]", ""},
		{"more added tokens", map[string]string{"tokenizer_config.json": `{"added_tokens_decoder": {"4": {"content": "<eos>", "special": true}, "1": {"content": "<s>"}}}`}, -1, "[2 4]", ""},
		{"broken", map[string]string{"config.json": `{`}, 0, "", "config.json: unexpected end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, text string) {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write("tokenizer.json", tokenizer)
			for name, text := range c.files {
				write(name, text)
			}
			opened, err := Open(dir)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want one that says %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if bos, _ := opened.BOS(); bos != c.bos {
				t.Errorf("begin is %d, want %d", bos, c.bos)
			}
			if eos := sprint(opened.EOS()); eos != c.eos {
				t.Errorf("ends are %s, want %s", eos, c.eos)
			}
		})
	}
}

func FuzzTokenizerJSON(f *testing.F) {
	f.Add([]byte(metaspaceJSON), "a a")
	f.Add([]byte(`{"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(?i:'s)|[^\\r\\p{L}]?+\\p{N}{1,3}"}, "behavior": "Isolated"}, "model": {"vocab": {"a": 0}}}`), "'s 12")
	f.Add([]byte(`{"normalizer": {"type": "Strip"}, "decoder": {"type": "ByteFallback"}, "model": {"vocab": {"<0x41>": 0}, "byte_fallback": true}}`), "A")
	f.Fuzz(func(t *testing.T, raw []byte, text string) {
		if len(raw) > 4096 || len(text) > 64 {
			return // a pattern can be made to take exponential time
		}
		tokenizer, err := fromJSON(raw, nil)
		if err != nil {
			return
		}
		ids, err := tokenizer.Encode(text)
		if err == nil {
			tokenizer.Decode(ids)
			streamed(t, tokenizer.NewStream(), ids)
		}
	})
}

func FuzzSentencePieceModel(f *testing.F) {
	raw, err := os.ReadFile("testdata/bpe.model")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw, "the dog")
	f.Fuzz(func(t *testing.T, raw []byte, text string) {
		if tokenizer, err := fromSentencePiece(raw); err == nil {
			if ids, err := tokenizer.Encode(text); err == nil {
				tokenizer.Decode(ids)
			}
		}
	})
}

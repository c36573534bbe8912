// Ids against those of Hugging Face's own tokenizers.

package token

import (
	"compress/gzip"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gomlx/go-huggingface/models/gguf"
)

var updateFrom = flag.String("update-smollm", "", "write testdata/smollm2.gguf.gz, the tokenizer keys of this SmolLM2 GGUF file")

const models = "../../testdata/models/"

// golden is a text with the ids and the decoded text that the tokenizers library gives.
type golden struct {
	Text    string  `json:"text"`
	IDs     []int   `json:"ids"`
	Decoded *string `json:"decoded"` // if it is not the text itself
}

func readGolden(t testing.TB, name string) []golden {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var all []golden
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatalf("%s is empty", name)
	}
	return all
}

// smollm opens the tokenizer of SmolLM2-135M-Instruct's GGUF file, of which testdata holds the tokenizer keys.
func smollm(t testing.TB) *Tokenizer {
	t.Helper()
	packed, err := os.Open("testdata/smollm2.gguf.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	r, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return fromGGUFBytes(t, raw)
}

func fromGGUFBytes(t testing.TB, raw []byte) *Tokenizer {
	t.Helper()
	tokenizer, err := openGGUFBytes(t, raw)
	if err != nil {
		t.Fatal(err)
	}
	return tokenizer
}

func openGGUFBytes(t testing.TB, raw []byte) (*Tokenizer, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.gguf")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return FromGGUF(f)
}

func open(t testing.TB, dir string) *Tokenizer {
	t.Helper()
	tokenizer, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return tokenizer
}

func TestIDsEqualHuggingFace(t *testing.T) {
	if *updateFrom != "" {
		packGGUF(t, *updateFrom, "testdata/smollm2.gguf.gz")
	}
	for _, c := range []struct {
		name   string
		file   string
		open   func(testing.TB) *Tokenizer
		minLen int
	}{
		{"smollm2 from GGUF", "tokens-smollm2-135m.json", smollm, 179},
		{"llama3 from tokenizer.json", "tokens-tiny-llama3.json", folder(models + "tiny-llama3"), 179},
		{"qwen3 from tokenizer.json", "tokens-tiny-qwen3.json", folder(models + "tiny-qwen3"), 179},
		{"qwen2 from tokenizer.json", "tokens-tiny-qwen3.json", folder(models + "tiny-qwen2"), 179},
	} {
		t.Run(c.name, func(t *testing.T) {
			tokenizer := c.open(t)
			all := readGolden(t, c.file)
			if len(all) < c.minLen {
				t.Errorf("%d texts, want at least %d", len(all), c.minLen)
			}
			for _, g := range all {
				checkGolden(t, tokenizer, g)
			}
		})
	}
}

// Every agent's prompt in the golden runs has the ids it has there.
func TestPromptsOfTheGoldenRunsHaveTheirIDs(t *testing.T) {
	for model, open := range map[string]func(testing.TB) *Tokenizer{
		"tiny-llama3": folder(models + "tiny-llama3"), "tiny-qwen2": folder(models + "tiny-qwen2"),
		"tiny-qwen3": folder(models + "tiny-qwen3"), "smollm2-135m": smollm,
	} {
		t.Run(model, func(t *testing.T) {
			raw, err := os.ReadFile("../../testdata/golden/" + model + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var runs struct {
				Cases []struct {
					Agents []struct {
						Prompt string
						IDs    []int
					}
				}
			}
			if err := json.Unmarshal(raw, &runs); err != nil {
				t.Fatal(err)
			}
			if len(runs.Cases) == 0 {
				t.Error("no cases")
			}
			tokenizer := open(t)
			for _, c := range runs.Cases {
				for _, a := range c.Agents {
					checkGolden(t, tokenizer, golden{Text: a.Prompt, IDs: a.IDs, Decoded: &a.Prompt})
				}
			}
		})
	}
}

func folder(dir string) func(testing.TB) *Tokenizer {
	return func(t testing.TB) *Tokenizer { return open(t, dir) }
}

func checkGolden(t *testing.T, tokenizer *Tokenizer, g golden) {
	t.Helper()
	ids, err := tokenizer.Encode(g.Text)
	if err != nil {
		t.Fatalf("%q: %v", g.Text, err)
	}
	if !slices.Equal(ids, g.IDs) {
		t.Errorf("%q:\n got %v\nwant %v", g.Text, ids, g.IDs)
	}
	if g.Decoded == nil {
		return
	}
	if text := tokenizer.Decode(g.IDs); text != *g.Decoded {
		t.Errorf("%v decodes to %q, want %q", g.IDs, text, *g.Decoded)
	}
}

package chat

import (
	"errors"
	"strings"
	"testing"

	"github.com/gomlx/go-huggingface/models/gguf"

	"github.com/latentchain/latentchain/xlaengine/weights/gguftest"
)

// withKeys opens a GGUF file that holds texts as metadata and no tensors.
func withKeys(t *testing.T, texts map[string]any) *gguf.File {
	t.Helper()
	f, err := gguf.Open(gguftest.Write(t, "model.gguf", texts))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestGGUFTemplates(t *testing.T) {
	set, err := FromGGUF(withKeys(t, map[string]any{
		"tokenizer.chat_template": "D", "tokenizer.chat_template.tool_use": "T", "tokenizer.chat_templates": "x",
	}))
	if err != nil {
		t.Fatal(err)
	}
	for tools, want := range map[bool]string{false: "D", true: "T"} {
		if text, err := set.For(tools).Render(Input{}); err != nil || text != want {
			t.Errorf("tools %v: renders %q, %v, want %q", tools, text, err, want)
		}
	}
	if set.Default.Source() != "D" || len(set.Named) != 1 {
		t.Errorf("source %q and %d named ones, want D and 1", set.Default.Source(), len(set.Named))
	}
	if _, err := FromGGUF(withKeys(t, nil)); !errors.Is(err, ErrNoTemplate) {
		t.Errorf("without a template: error %v, want ErrNoTemplate", err)
	}
	_, err = FromGGUF(withKeys(t, map[string]any{"tokenizer.chat_template": "{{"}))
	if err == nil || !strings.Contains(err.Error(), "chat template of ") {
		t.Errorf("broken template: error %v", err)
	}
}

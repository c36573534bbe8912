package chat

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/go-huggingface/models/gguf"
)

// writeGGUF writes a GGUF file (version 3) that holds texts as metadata and no tensors.
func writeGGUF(t *testing.T, entries [][2]string) *gguf.File {
	t.Helper()
	var b bytes.Buffer
	put := func(v any) {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	text := func(s string) {
		put(uint64(len(s)))
		b.WriteString(s)
	}
	const kindString = 8
	b.WriteString("GGUF")
	put(uint32(3))
	put(uint64(0))
	put(uint64(len(entries)))
	for _, e := range entries {
		text(e[0])
		put(uint32(kindString))
		text(e[1])
	}
	path := filepath.Join(t.TempDir(), "model.gguf")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestGGUFTemplates(t *testing.T) {
	set, err := FromGGUF(writeGGUF(t, [][2]string{
		{"tokenizer.chat_template", "D"}, {"tokenizer.chat_template.tool_use", "T"}, {"tokenizer.chat_templates", "x"},
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
	if _, err := FromGGUF(writeGGUF(t, nil)); !errors.Is(err, ErrNoTemplate) {
		t.Errorf("without a template: error %v, want ErrNoTemplate", err)
	}
	_, err = FromGGUF(writeGGUF(t, [][2]string{{"tokenizer.chat_template", "{{"}}))
	if err == nil || !strings.Contains(err.Error(), "chat template of ") {
		t.Errorf("broken template: error %v", err)
	}
}

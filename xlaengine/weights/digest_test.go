package weights

import (
	"context"
	"strings"
	"testing"

	"github.com/latentchain/latentchain/xlaengine/weights/gguftest"
)

func digest(t *testing.T, path string) string {
	t.Helper()
	m, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	d, err := m.Digest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(d) != 64 {
		t.Errorf("digest %q has %d digits, want 64", d, len(d))
	}
	return d
}

func TestDigest(t *testing.T) {
	files := func(changes ...string) string {
		config, data := smallJSON, string(safetensors(t, smallTensors("F32")))
		for i := 0; i < len(changes); i += 2 {
			config = strings.Replace(config, changes[i], changes[i+1], 1)
		}
		return folder(t, map[string]string{"config.json": config, "model.safetensors": data, "tokenizer.json": "{}"})
	}
	lastBit := func() string {
		all := smallTensors("F32")
		all["model.norm.weight"].bytes[0] ^= 1
		return folder(t, map[string]string{"config.json": smallJSON, "model.safetensors": string(safetensors(t, all))})
	}
	want := digest(t, smallFolder(t, "F32"))
	for _, test := range []struct {
		claim string
		path  string
		same  bool
	}{
		{"another folder", files(), true},
		{"another end of text", files("{", `{"eos_token_id": 3, `), true},
		{"one bit of one weight", lastBit(), false},
		{"another base of the rotation", files("{", `{"rope_theta": 20000, `), false},
		{"another type", smallFolder(t, "BF16"), false},
		{"another kind of file", gguftest.Write(t, "small.gguf", smallKeys, smallGGUF()...), false},
	} {
		if got := digest(t, test.path); (got == want) != test.same {
			t.Errorf("%s: same digest is %v, want %v", test.claim, got == want, test.same)
		}
	}
}

func TestDigestStopsWhenCancelled(t *testing.T) {
	m, err := Open(smallFolder(t, "F32"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Digest(ctx); err == nil || !strings.Contains(err.Error(), "digest of small: context canceled") {
		t.Errorf("got %v", err)
	}
	if _, err := m.Digest(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

package xlaengine

// Files that are no memory of this engine: foreign, damaged, cut off, made up.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestLoadRefusesWhatIsNotThisModelsMemory(t *testing.T) {
	ctx := context.Background()
	e := openTiny(t, "tiny-qwen3", WithPlugin("go"))
	file := saved(t, thought(t, e, 4))
	foreign := saved(t, thought(t, openTiny(t, "tiny-qwen2", WithPlugin("go")), 4))
	halved := saved(t, openTiny(t, "tiny-qwen3", onXLA(t), WithBFloat16(true)).NewMemory())
	weightsFile, err := os.ReadFile(filepath.Join("..", "testdata", "models", "tiny-qwen3", "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	edit := func(old, new string) []byte { return rehashed(edited(t, file, old, new)) }
	live := e.dev.live.Load()
	for _, c := range []struct {
		name string
		ctx  context.Context
		file []byte
		want error
		text string
	}{
		{"another model's", ctx, foreign, nil, "open the model it was made with"},
		{"another number type", ctx, halved, nil, "open the model with WithBFloat16(true)"},
		{"weights instead of a memory", ctx, weightsFile, nil, "no memory file"},
		{"another version", ctx, edit(`"version":"1"`, `"version":"9"`), nil, `version "9", this program reads version 1`},
		{"longer than the context", ctx, edit(`"length":"6"`, `"length":"2049"`), ErrContextFull, "2049 positions"},
		{"length below zero", ctx, edit(`"length":"6"`, `"length":"-6"`), nil, `length is "-6"`},
		{"length without the bytes", ctx, edit(`"length":"6"`, `"length":"7"`), nil, "tensor layer.0.keys: F32 [2 32 6]"},
		{"misshapen tensor", ctx, edit(`"shape":[2,6,32]`, `"shape":[2,32,6]`), nil, "tensor layer.0.values: F32 [2 32 6]"},
		{"missing tensor", ctx, edit(`"layer.2.keys"`, `"layer.9.keys"`), nil, "tensor layer.2.keys: missing"},
		{"extra tensor", ctx, edit(`{"__metadata__"`, `{"more":{},"__metadata__"`), nil, "8 tensors, want 7"},
		{"broken origin", ctx, edit(`"digest":"`, `"digest":"x`), nil, "64 hexadecimal digits"},
		{"joined neither way", ctx, edit(`"joined":"false"`, `"joined":"maybe"`), nil, `joined is "maybe"`},
		{"not a number", ctx, rehashed(nan(file)), nil, "tensor layer.2.values: element 0 is NaN"},
		{"wrong hash", ctx, slices.Concat(file[:len(file)-1], []byte{file[len(file)-1] ^ 1}), nil, "SHA-256"},
		{"bytes after the end", ctx, append(slices.Clone(file), 0), nil, "bytes after the end"},
		{"header longer than any", ctx, []byte("\xff\xff\xff\xff\xff\xff\xff\x7f{}"), nil, "header has 9223372036854775807 bytes"},
		{"nothing", ctx, nil, nil, "the file ends in its header"},
		{"cancelled", cancelled, file, context.Canceled, "context canceled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := e.LoadMemory(c.ctx, bytes.NewReader(c.file))
			if err == nil {
				m.Close()
			}
			refused(t, err, c.want, c.text)
		})
	}
	if got := e.dev.live.Load(); got != live {
		t.Errorf("%d buffers on the device, %d before", got, live)
	}
}

func TestLoadRefusesEveryDamage(t *testing.T) {
	e := openTiny(t, "tiny-qwen3", WithPlugin("go"))
	file := saved(t, thought(t, e, 4))
	live := e.dev.live.Load()
	load := func(damaged []byte) error {
		m, err := e.LoadMemory(context.Background(), bytes.NewReader(damaged))
		if err == nil {
			m.Close()
		}
		return err
	}
	for at := 0; at < len(file); at += 1 + at/50 { // all of the beginning, fewer later on
		damaged := slices.Clone(file)
		damaged[at] ^= 1 << (at % 8)
		if load(damaged) == nil {
			t.Errorf("byte %d of %d flipped: loaded", at, len(file))
		}
		if load(file[:at]) == nil {
			t.Errorf("cut to %d of %d bytes: loaded", at, len(file))
		}
	}
	for at := len(file) - sha256.Size; at < len(file); at++ {
		if err := load(file[:at]); err == nil || !strings.Contains(err.Error(), "truncated") {
			t.Errorf("cut to %d of %d bytes: %v", at, len(file), err)
		}
	}
	if got := e.dev.live.Load(); got != live {
		t.Errorf("%d buffers on the device, %d before", got, live)
	}
}

// Whatever header and tensors say, with a hash that fits them: an error, or a memory that can be saved and is the same.
func FuzzLoadMemory(f *testing.F) {
	e := openTiny(f, "tiny-qwen3", WithPlugin("go"))
	for _, m := range []*Memory{e.NewMemory(), thought(f, e, 1)} {
		file := saved(f, m)
		n := 8 + binary.LittleEndian.Uint64(file)
		f.Add(file[8:n], file[n:len(file)-sha256.Size])
		f.Add(file[8:n], []byte{})
		f.Add(bytes.Replace(file[8:n], []byte(`"length":"`), []byte(`"length":"200`), 1), file[n:])
	}
	f.Add([]byte(`{"__metadata__":{"format":"latentchain memory","version":"1"}}`), []byte{})
	f.Add([]byte(`{"__metadata__":null}`), []byte{})
	f.Add([]byte(`[]`), []byte{})
	live := e.dev.live.Load()
	f.Fuzz(func(t *testing.T, header, data []byte) {
		file := slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header, data, make([]byte, sha256.Size))
		m, err := e.LoadMemory(context.Background(), bytes.NewReader(rehashed(file)))
		if err == nil {
			again, err := e.LoadMemory(context.Background(), bytes.NewReader(saved(t, m)))
			if err != nil {
				t.Fatalf("saved again it is refused: %v", err)
			}
			if again.Origin() != m.Origin() || again.Len() != m.Len() || m.Len() > e.dec.Context {
				t.Errorf("%d positions of %+v became %d of %+v", m.Len(), m.Origin(), again.Len(), again.Origin())
			}
			again.Close()
			m.Close()
		}
		if got := e.dev.live.Load(); got != live {
			t.Errorf("%d buffers on the device, %d before", got, live)
		}
	})
}

// edited replaces the first old in the header by new.
func edited(t *testing.T, file []byte, old, new string) []byte {
	t.Helper()
	n := 8 + binary.LittleEndian.Uint64(file)
	if !bytes.Contains(file[:n], []byte(old)) {
		t.Fatalf("the header has no %s: %s", old, file[8:n])
	}
	header := bytes.Replace(file[8:n], []byte(old), []byte(new), 1)
	return slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header, file[n:])
}

// nan puts a NaN at the start of the last layer's values.
func nan(file []byte) []byte {
	file = slices.Clone(file)
	at := len(file) - sha256.Size - 2*6*32*4
	binary.LittleEndian.PutUint32(file[at:], math.Float32bits(float32(math.NaN())))
	return file
}

// rehashed makes the hash at the end fit what is before it.
func rehashed(file []byte) []byte {
	body := file[:len(file)-sha256.Size]
	sum := sha256.Sum256(body)
	return slices.Concat(body, sum[:])
}

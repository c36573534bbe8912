package xlaengine

// Memories in files: what comes back is the same, and what is not whole, not this model's or too long is refused
// without leaving a buffer behind. Files don't depend on the backend, so most of this runs on the pure-Go one, which has
// nothing to compile.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestLoadedMemoryIsTheSame(t *testing.T) {
	ctx := context.Background()
	for _, device := range []struct {
		name string
		opts []Option
	}{
		{"XLA", nil},
		{"XLA in bfloat16", []Option{WithBFloat16(true)}}, // caches that the host can't write in place
		{"pure Go", []Option{WithPlugin("go")}},
	} {
		e := openTiny(t, "tiny-qwen3", device.opts...)
		long := thought(t, e, 20)
		cut, err := long.Cut(7)
		if err != nil {
			t.Fatal(err)
		}
		defer cut.Close()
		joined, err := e.Join(ctx, long, cut)
		if err != nil {
			t.Fatal(err)
		}
		defer joined.Close()
		for _, c := range []struct {
			name string
			m    *Memory
		}{
			{"after thoughts", long}, {"cut from a longer one", cut}, {"joined", joined}, {"empty", e.NewMemory()},
		} {
			t.Run(device.name+"/"+c.name, func(t *testing.T) {
				file := saved(t, c.m)
				got, err := e.LoadMemory(ctx, iotest.HalfReader(bytes.NewReader(file)))
				if err != nil {
					t.Fatal(err)
				}
				defer got.Close()
				if got.Len() != c.m.Len() || got.Origin() != c.m.Origin() {
					t.Errorf("%d positions of %+v, want %d of %+v", got.Len(), got.Origin(), c.m.Len(), c.m.Origin())
				}
				if !bytes.Equal(saved(t, got), file) {
					t.Error("saved again, the file differs")
				}
				a, b := answer(t, e, c.m), answer(t, e, got)
				if !slices.Equal(a.Logits, b.Logits) || !slices.Equal(a.Tokens, b.Tokens) {
					t.Error("the answer over the loaded memory differs")
				}
			})
		}
	}
}

func TestMemoryFileIsSafetensors(t *testing.T) {
	e := openTiny(t, "tiny-qwen3", WithPlugin("go"))
	m := thought(t, e, 4)
	file := saved(t, m)
	n := int(binary.LittleEndian.Uint64(file))
	if n%8 != 0 {
		t.Errorf("tensors begin at byte %d, want a multiple of 8", 8+n)
	}
	want := e.memoryFile(m.length, m.digest, m.joined)
	if end := want.tensors[len(want.tensors)-1].Offsets[1]; int64(len(file)-8-n) != end {
		t.Errorf("%d bytes after the header, which speaks of %d", len(file)-8-n, end)
	}
	// Key and value of the last head and position, where the format says they are.
	layer, head, at := e.dec.Layers-1, e.dec.KVHeads-1, m.length-1
	key, value, err := m.KeyValue(context.Background(), layer, head, at)
	if err != nil {
		t.Fatal(err)
	}
	number := func(tensor, i int) float32 {
		from := 8 + n + int(want.tensors[tensor].Offsets[0]) + 4*i
		return math.Float32frombits(binary.LittleEndian.Uint32(file[from:]))
	}
	for i := range e.dec.HeadDim {
		if got := number(2*layer, (head*e.dec.HeadDim+i)*m.length+at); got != key[i] {
			t.Errorf("key %d is %g, want %g", i, got, key[i])
		}
		if got := number(2*layer+1, (head*m.length+at)*e.dec.HeadDim+i); got != value[i] {
			t.Errorf("value %d is %g, want %g", i, got, value[i])
		}
	}
}

func TestSavingGoesOnWhileTheMemoryGrowsAndCloses(t *testing.T) {
	ctx := context.Background()
	e := openTiny(t, "tiny-qwen3", WithPlugin("go"))
	m := thought(t, e, 20)
	want := saved(t, m)
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := m.Save(ctx, w)
		w.CloseWithError(err)
		done <- err
	}()
	head := make([]byte, 1)
	if _, err := io.ReadFull(r, head); err != nil { // Save is under way and waits for its reader
		t.Fatal(err)
	}
	longer, err := e.Think(ctx, ThinkRequest{Memory: m, Prompt: []int{7, 8, 9}, Steps: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer longer.Memory.Close()
	m.Close()
	rest, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(append(head, rest...), want) {
		t.Error("the file differs from the one saved in peace")
	}
}

func TestSaveFails(t *testing.T) {
	e := openTiny(t, "tiny-qwen3", WithPlugin("go"))
	m := thought(t, e, 4)
	closed := thought(t, e, 4)
	closed.Close()
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	full := errors.New("no space left on device")
	for _, c := range []struct {
		name string
		ctx  context.Context
		m    *Memory
		w    io.Writer
		want error
		text string
	}{
		{"closed memory", context.Background(), closed, io.Discard, ErrClosed, "save memory: memory already closed"},
		{"nil memory", context.Background(), nil, io.Discard, nil, "save memory: memory is nil"},
		{"cancelled", cancelled, m, io.Discard, context.Canceled, "save memory: context canceled"},
		{"full disk", context.Background(), m, &limited{left: 5000, err: full}, full, "save memory: no space left on device"},
	} {
		t.Run(c.name, func(t *testing.T) {
			refused(t, c.m.Save(c.ctx, c.w), c.want, c.text)
		})
	}
}

// limited takes left bytes and then fails.
type limited struct {
	left int
	err  error
}

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.left {
		return 0, l.err
	}
	l.left -= len(p)
	return len(p), nil
}

func TestLoadRefusesWhatIsNotThisModelsMemory(t *testing.T) {
	ctx := context.Background()
	e := openTiny(t, "tiny-qwen3", WithPlugin("go"))
	file := saved(t, thought(t, e, 4))
	foreign := saved(t, thought(t, openTiny(t, "tiny-qwen2", WithPlugin("go")), 4))
	halved := saved(t, openTiny(t, "tiny-qwen3", WithPlugin("go"), WithBFloat16(true)).NewMemory())
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

func TestMemoryFilesNeedAnOpenEngine(t *testing.T) {
	e := openTiny(t, "tiny-qwen3", WithPlugin("go"))
	m := thought(t, e, 4)
	file := saved(t, m)
	e.Close()
	_, err := e.LoadMemory(context.Background(), bytes.NewReader(file))
	refused(t, err, ErrClosed, "load memory: engine already closed")
	refused(t, m.Save(context.Background(), io.Discard), ErrClosed, "save memory: engine already closed")
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

// thought returns a memory of n prompt tokens and two thoughts.
func thought(t testing.TB, e *Engine, n int) *Memory {
	t.Helper()
	prompt := make([]int, n)
	for i := range prompt {
		prompt[i] = 3 + (7*i+n)%(e.dec.Vocab-3)
	}
	empty := e.NewMemory()
	defer empty.Close()
	res, err := e.Think(context.Background(), ThinkRequest{Memory: empty, Prompt: prompt, Steps: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Memory.Close() })
	return res.Memory
}

func saved(t testing.TB, m *Memory) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := m.Save(context.Background(), &file); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func answer(t *testing.T, e *Engine, m *Memory) Generation {
	t.Helper()
	res, err := e.Generate(context.Background(), GenerateRequest{Memory: m, Prompt: []int{11, 12, 13}, MaxTokens: 4, PastEnd: true, Logits: true})
	if err != nil {
		t.Fatal(err)
	}
	res.Memory.Close()
	return res
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

func refused(t *testing.T, err, want error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) || want != nil && !errors.Is(err, want) {
		t.Errorf("error is %v, want one with %q", err, text)
	}
	if err != nil && strings.Contains(err.Error(), "\n") {
		t.Errorf("the error has several lines: %v", err)
	}
}

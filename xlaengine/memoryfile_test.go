package xlaengine

// Memories in files: what comes back is the same. Files don't depend on the backend, so most of this runs on the pure-Go
// one, which has nothing to compile. What is refused is in memoryfilerefuse_test.go.

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/latentchain/latentchain/xlaengine/backend"
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
		if device.name == "XLA in bfloat16" && userPlugin(t) == string(backend.PureGo) {
			continue // which has no bfloat16
		}
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
	want := e.memoryFile(m.length, m.chain.last(), m.joined)
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

func TestMemoryFilesNeedAnOpenEngine(t *testing.T) {
	e := openTiny(t, "tiny-qwen3", WithPlugin("go"))
	m := thought(t, e, 4)
	file := saved(t, m)
	e.Close()
	_, err := e.LoadMemory(context.Background(), bytes.NewReader(file))
	refused(t, err, ErrClosed, "load memory: engine already closed")
	refused(t, m.Save(context.Background(), io.Discard), ErrClosed, "save memory: engine already closed")
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

func refused(t *testing.T, err, want error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) || want != nil && !errors.Is(err, want) {
		t.Errorf("error is %v, want one with %q", err, text)
	}
	if err != nil && strings.Contains(err.Error(), "\n") {
		t.Errorf("the error has several lines: %v", err)
	}
}

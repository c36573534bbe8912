package plugin

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/xlaengine"
)

// block is a memory of so many bytes that knows how often it was closed.
type block struct {
	bytes  int64
	closed atomic.Int32
}

func (b *block) Len() int     { return int(b.bytes) }
func (b *block) Bytes() int64 { return b.bytes }
func (b *block) Close() error { b.closed.Add(1); return nil }

func newStore(t *testing.T, budget int64) *Store {
	t.Helper()
	s, err := NewStore(budget)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s *Store, bytes int64) (*block, string) {
	t.Helper()
	b := &block{bytes: bytes}
	handle, err := s.put(b, "m")
	if err != nil {
		t.Fatal(err)
	}
	return b, handle
}

func TestTheLongestUnusedGoFirst(t *testing.T) {
	s := newStore(t, 100)
	a, handleA := put(t, s, 40)
	b, handleB := put(t, s, 40)
	if _, done, err := s.use(handleA, "m"); err != nil || done() != nil {
		t.Fatal(err)
	}
	c, handleC := put(t, s, 40)
	if a.closed.Load() != 0 || b.closed.Load() != 1 || c.closed.Load() != 0 {
		t.Errorf("closed %d, %d, %d times; want only the second, once", a.closed.Load(), b.closed.Load(), c.closed.Load())
	}
	if n, bytes := s.Size(); n != 2 || bytes != 80 {
		t.Errorf("holds %d memories of %d bytes", n, bytes)
	}
	if _, _, err := s.use(handleB, "m"); !errors.Is(err, &llms.Error{Code: llms.ErrCodeResourceNotFound}) {
		t.Errorf("evicted: got %v", err)
	}
	if _, _, err := s.use(handleC, "m"); err != nil {
		t.Error(err)
	}
}

func TestWhatIsInUseStays(t *testing.T) {
	s := newStore(t, 100)
	a, handle := put(t, s, 60)
	m, done, err := s.use(handle, "m")
	if err != nil || m != Memory(a) {
		t.Fatal(m, err)
	}
	big := &block{bytes: 60}
	if _, err := s.put(big, "m"); !llms.IsQuotaExceededError(err) || big.closed.Load() != 1 {
		t.Errorf("no room beside a memory in use: got %v, closed %d times", err, big.closed.Load())
	}
	for range 2 {
		if err := s.Release(handle); err != nil {
			t.Errorf("release: %v", err)
		}
	}
	if a.closed.Load() != 0 {
		t.Error("released and closed while in use")
	}
	if _, _, err := s.use(handle, "m"); !errors.Is(err, &llms.Error{Code: llms.ErrCodeResourceNotFound}) {
		t.Errorf("released: got %v", err)
	}
	if err := done(); err != nil || a.closed.Load() != 1 {
		t.Errorf("closed %d times after the last use, %v", a.closed.Load(), err)
	}
}

func TestStoreRefuses(t *testing.T) {
	if _, err := NewStore(0); err == nil {
		t.Error("a store without a budget")
	}
	s, other := newStore(t, 100), newStore(t, 100)
	_, handle := put(t, s, 10)
	_, theirs := put(t, other, 10)
	if _, _, err := s.use(theirs, "m"); !llms.IsInvalidRequestError(err) {
		t.Errorf("another store's handle: got %v", err)
	}
	if err := s.Release(theirs); !llms.IsInvalidRequestError(err) {
		t.Errorf("release of another store's handle: got %v", err)
	}
	if _, _, err := s.use(handle, "n"); !llms.IsInvalidRequestError(err) {
		t.Errorf("another model's memory: got %v", err)
	}
	huge := &block{bytes: 101}
	if _, err := s.put(huge, "m"); !llms.IsQuotaExceededError(err) || huge.closed.Load() != 1 {
		t.Errorf("beyond the budget: got %v", err)
	}
	if n, _ := s.Size(); n != 1 {
		t.Error("what could never fit drove out what was there")
	}
}

func TestCloseFreesAllOnce(t *testing.T) {
	s := newStore(t, 100)
	idle, _ := put(t, s, 10)
	used, handle := put(t, s, 10)
	_, done, err := s.use(handle, "m")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if idle.closed.Load() != 1 || used.closed.Load() != 0 {
		t.Errorf("closed %d and %d times, want the idle one only", idle.closed.Load(), used.closed.Load())
	}
	if err := done(); err != nil || used.closed.Load() != 1 {
		t.Errorf("closed %d times after the last use, %v", used.closed.Load(), err)
	}
	late := &block{bytes: 10}
	if _, err := s.put(late, "m"); !errors.Is(err, xlaengine.ErrClosed) || late.closed.Load() != 1 {
		t.Errorf("put after close: %v", err)
	}
	if _, _, err := s.use(handle, "m"); !errors.Is(err, xlaengine.ErrClosed) {
		t.Errorf("use after close: %v", err)
	}
	if err := s.Release(handle); err != nil {
		t.Errorf("release after close: %v", err)
	}
}

// Many hands at once: nothing in use is ever closed, and in the end each memory was, once.
func TestStoreSideBySide(t *testing.T) {
	s := newStore(t, 500)
	var mu sync.Mutex
	var all []*block
	var handles []string
	var wg sync.WaitGroup
	for worker := range 8 {
		random := rand.New(rand.NewPCG(uint64(worker), 1))
		wg.Go(func() {
			for range 300 {
				b := &block{bytes: 1 + random.Int64N(100)}
				handle, err := s.put(b, "m")
				mu.Lock()
				all = append(all, b)
				if err == nil {
					handles = append(handles, handle)
				}
				var pick string
				if len(handles) > 0 {
					pick = handles[max(0, len(handles)-1-random.IntN(10))]
				}
				mu.Unlock()
				if pick == "" {
					continue
				}
				if m, done, err := s.use(pick, "m"); err == nil {
					if random.IntN(3) == 0 {
						_ = s.Release(pick)
					}
					if m.(*block).closed.Load() != 0 {
						t.Error("closed while in use")
					}
					_ = done()
				}
				if _, bytes := s.Size(); bytes > 500 {
					t.Errorf("%d bytes of 500", bytes)
				}
			}
		})
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for _, b := range all {
		if n := b.closed.Load(); n != 1 {
			t.Fatalf("a memory was closed %d times", n)
		}
	}
}

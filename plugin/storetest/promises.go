package storetest

// The promises, one function each.

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/xlaengine"
)

func comesBack(f *fixture) {
	s := f.store(3)
	before := time.Now()
	a := f.put(s, 'a')
	holder, err := s.Put(f.Context(), f.New('b'), plugin.Made{Model: "m", Scope: "s", Engine: &f.Maker, Holds: []string{"x", "y"}})
	if err != nil {
		f.Fatal(err)
	}
	first, again := f.mustUse(s, a, 'a'), f.mustUse(s, strings.ToUpper(a), 'a')
	b := f.mustUse(s, holder, 'b')
	if first.Digest == "" || first.Digest != again.Digest || first.Digest == b.Digest || len(first.Holds) != 0 || !slices.Equal(b.Holds, []string{"x", "y"}) {
		f.Errorf("digests %q, %q, %q, holding %q and %q", first.Digest, again.Digest, b.Digest, first.Holds, b.Holds)
	}
	info, err := s.Stat(holder, "s")
	if err != nil || info.Handle != holder || info.Scope != "s" || info.Model != "m" || info.Digest != b.Digest || info.Positions != Bytes/8 ||
		info.Bytes != Bytes || !info.InUse || info.Foreign || info.Made.Before(before.Add(-time.Second)) || !info.Expires.After(info.Made) {
		f.Errorf("stat: %+v, %v", info, err)
	}
	f.done(first)
	f.done(first) // counts once
	if info, _ := s.Stat(a, "s"); !info.InUse {
		f.Error("one of two loans done, and none counted any more")
	}
	f.done(again)
	f.done(b)
	if info, _ := s.Stat(a, "s"); info.InUse || info.LastUsed.Before(before.Add(-time.Second)) {
		f.Errorf("both loans done: %+v", info)
	}
	var listed []string
	for _, info := range s.List() {
		listed = append(listed, info.Handle)
	}
	if !slices.Equal(listed, []string{a, holder}) {
		f.Errorf("listed %q, want %q", listed, []string{a, holder})
	}
	if n, size := s.Size(); n != 2 || size < 2*Bytes || size > 3*Bytes {
		f.Errorf("%d memories of %d bytes", n, size)
	}
}

func longestUnusedFirst(f *fixture) {
	s := f.store(2)
	a, b := f.put(s, 'a'), f.put(s, 'b')
	f.done(f.mustUse(s, a, 'a'))
	c := f.put(s, 'c')
	f.isGone(s, b, "evicted")
	if _, err := s.Stat(c, "s"); err != nil { // no use: a is the next to go, being before c
		f.Error(err)
	}
	d := f.put(s, 'd')
	f.isGone(s, a, "evicted")
	f.done(f.mustUse(s, c, 'c'))
	f.done(f.mustUse(s, d, 'd'))
}

func inUseStays(f *fixture) {
	s := f.store(2)
	a, b := f.put(s, 'a'), f.put(s, 'b')
	loanA, loanB := f.mustUse(s, a, 'a'), f.mustUse(s, b, 'b')
	if _, err := s.Put(f.Context(), f.New('c'), plugin.Made{Model: "m", Scope: "s", Engine: &f.Maker}); !llms.IsQuotaExceededError(err) {
		f.Errorf("no room beside memories in use: got %v", err)
	}
	f.done(loanB)
	c := f.put(s, 'c')
	f.isGone(s, b, "evicted")
	if loanA.Memory.(*Memory).Closed() {
		f.Error("closed while in use")
	}
	f.done(loanA)
	f.done(f.mustUse(s, a, 'a'))
	f.done(f.mustUse(s, c, 'c'))
}

func released(f *fixture) {
	s := f.store(2)
	a := f.put(s, 'a')
	loan := f.mustUse(s, a, 'a')
	if err := s.Release(a, "s"); err != nil {
		f.Error(err)
	}
	if loan.Memory.(*Memory).Closed() {
		f.Error("closed while in use")
	}
	f.isGone(s, a, "released")
	f.done(loan)
	if !loan.Memory.(*Memory).Closed() {
		f.Error("open after the last use")
	}
	if n, size := s.Size(); n != 0 || size != 0 {
		f.Errorf("%d memories of %d bytes after the release of all", n, size)
	}
}

func expires(f *fixture) {
	const ttl = 500 * time.Millisecond
	s := f.store(2, plugin.KeepFor(ttl))
	a := f.put(s, 'a')
	loan := f.mustUse(s, a, 'a')
	time.Sleep(ttl)
	f.isGone(s, a, "expired")
	if loan.Memory.(*Memory).Closed() {
		f.Error("closed while in use")
	}
	f.done(loan)
	for wait := time.Now().Add(10 * time.Second); time.Now().Before(wait); time.Sleep(time.Millisecond) {
		if n, err := f.Maker.Open(); n == 0 && err == nil {
			break
		}
	}
	if n, _ := f.Maker.Open(); n != 0 {
		f.Error("expired, unused and still there")
	}
	forever := f.store(1, plugin.KeepFor(0))
	if info, err := forever.Stat(f.put(forever, 'b'), "s"); err != nil || !info.Expires.IsZero() {
		f.Errorf("kept for ever: %+v, %v", info, err)
	}
}

func scopes(f *fixture) {
	s := f.store(2)
	a := f.put(s, 'a')
	for _, scope := range []string{"", "S", "s ", "s\x00", "t"} {
		f.refuses(s, a, scope, fmt.Sprintf("scope %q", scope))
	}
	f.done(f.mustUse(s, a, 'a'))
}

func apart(f *fixture) {
	s, other := f.store(2), f.store(2)
	mine, theirs := f.put(s, 'a'), f.put(other, 'b')
	f.refuses(s, theirs, "s", "another store's")
	f.refuses(other, mine, "s", "another store's")
	f.done(f.mustUse(s, mine, 'a'))
	f.done(f.mustUse(other, theirs, 'b'))
}

func otherModel(f *fixture) {
	s := f.store(2)
	a := f.put(s, 'a')
	if loan, err := s.Use(f.Context(), a, plugin.Reader{Model: "n", Scope: "s", Load: f.Load}); !llms.IsInvalidRequestError(err) || loan != nil {
		f.Errorf("got %v, %v", loan, err)
	}
	if info, err := s.Stat(a, "s"); err != nil || info.InUse {
		f.Errorf("refused, and in use: %+v, %v", info, err)
	}
}

func otherEngine(f *fixture) {
	s := f.store(2)
	a := f.put(s, 'a')
	loan, err := s.Use(f.Context(), a, plugin.Reader{Model: "m", Scope: "s", Engine: f, Load: f.Load})
	if err != nil && !llms.IsInvalidRequestError(err) {
		f.Errorf("got %v", err)
	}
	if loan != nil {
		if m := loan.Memory.(*Memory); m.Mark != 'a' || m.Closed() {
			f.Errorf("memory %c, closed %t", m.Mark, m.Closed())
		}
		f.done(loan)
	}
	f.done(f.mustUse(s, a, 'a'))
}

func madeUp(f *fixture) {
	s := f.store(2)
	a := f.put(s, 'a')
	for _, handle := range []string{"", "⟦latent:⟧", a[:len(a)-3], a[:30] + "⟧", a + "x", "x" + a, strings.Replace(a, "⟧", "a⟧", 1)} {
		f.refuses(s, handle, "s", "made up "+handle)
	}
	f.done(f.mustUse(s, a, 'a'))
}

func nothing(f *fixture) {
	s := f.store(1)
	if _, err := s.Put(f.Context(), nil, plugin.Made{}); !llms.IsInvalidRequestError(err) {
		f.Errorf("put of nil: %v", err)
	}
}

func closeFrees(f *fixture) {
	s := f.store(2)
	f.put(s, 'a')
	b := f.put(s, 'b')
	loan := f.mustUse(s, b, 'b')
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		f.Error(err)
	}
	if n, err := f.Maker.Open(); n != 1 || err != nil {
		f.Errorf("%d memories open, %v; want the one in use", n, err)
	}
	f.done(loan)
	if _, err := s.Put(f.Context(), f.New('c'), plugin.Made{Model: "m", Scope: "s", Engine: &f.Maker}); !errors.Is(err, xlaengine.ErrClosed) {
		f.Errorf("put after close: %v", err)
	}
	if _, err := f.use(s, b); !errors.Is(err, xlaengine.ErrClosed) {
		f.Errorf("use after close: %v", err)
	}
	if n, size := s.Size(); n != 0 || size != 0 || len(s.List()) != 0 {
		f.Errorf("%d memories of %d bytes after close", n, size)
	}
}

// Nothing in use is ever closed, whatever others put, release and evict, and what is read is what was put.
func sideBySide(f *fixture) {
	const room, workers, rounds = 5, 8, 60
	s := f.store(room)
	var mu sync.Mutex
	marks := map[string]byte{}
	var handles []string
	var wg sync.WaitGroup
	for worker := range workers {
		random := rand.New(rand.NewPCG(uint64(worker), 1))
		wg.Go(func() {
			for range rounds {
				mark := byte(random.Uint32())
				handle, err := s.Put(f.Context(), f.New(mark), plugin.Made{Model: "m", Scope: "s", Engine: &f.Maker})
				if err != nil && !llms.IsQuotaExceededError(err) {
					f.Error(err)
				}
				mu.Lock()
				if err == nil {
					handles, marks[handle] = append(handles, handle), mark
				}
				pick := ""
				if len(handles) > 0 {
					pick = handles[max(0, len(handles)-1-random.IntN(8))]
				}
				want := marks[pick]
				mu.Unlock()
				if pick == "" {
					continue
				}
				loan, err := f.use(s, pick)
				if err != nil {
					if !errors.Is(err, &llms.Error{Code: llms.ErrCodeResourceNotFound}) && !llms.IsQuotaExceededError(err) {
						f.Error(err)
					}
					continue
				}
				if random.IntN(3) == 0 {
					if err := s.Release(pick, "s"); err != nil {
						f.Error(err)
					}
				}
				time.Sleep(time.Duration(random.IntN(300)) * time.Microsecond)
				if m := loan.Memory.(*Memory); m.Closed() || m.Mark != want {
					f.Errorf("in use: closed %t, mark %d, want %d", m.Closed(), m.Mark, want)
				}
				if err := loan.Done(); err != nil {
					f.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

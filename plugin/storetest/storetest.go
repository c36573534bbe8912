// Package storetest tests that a plugin.Store keeps its promises. Every implementation calls Run.
package storetest

import (
	"errors"
	"testing"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/plugin"
)

// Open returns an empty store with room for so many of Maker's memories and no more, for at most eight. It is closed by
// the test.
type Open func(t *testing.T, room int, opts ...plugin.StoreOption) plugin.Store

// Run tests the stores that open makes.
func Run(t *testing.T, open Open) {
	for _, test := range []struct {
		claim string
		run   func(*fixture)
	}{
		{"what is put comes back", comesBack},
		{"the longest unused go first", longestUnusedFirst},
		{"what is in use stays", inUseStays},
		{"what is released is gone", released},
		{"what expires is gone", expires},
		{"a handle is good in its scope only", scopes},
		{"stores don't see each other's memories", apart},
		{"another model's memory is refused", otherModel},
		{"another engine gets the memory or is refused", otherEngine},
		{"handles nobody made are refused", madeUp},
		{"nothing is refused", nothing},
		{"close frees all once", closeFrees},
		{"many hands at once", sideBySide},
	} {
		t.Run(test.claim, func(t *testing.T) {
			f := &fixture{T: t, open: open}
			test.run(f)
			for _, s := range f.stores {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			if n, err := f.Maker.Open(); n != 0 || err != nil {
				t.Errorf("%d memories left after Close, %v", n, err)
			}
		})
	}
}

type fixture struct {
	*testing.T
	Maker
	open   Open
	stores []plugin.Store
}

func (f *fixture) store(room int, opts ...plugin.StoreOption) plugin.Store {
	f.Helper()
	s := f.open(f.T, room, opts...)
	f.stores = append(f.stores, s)
	return s
}

func (f *fixture) put(s plugin.Store, mark byte) string {
	f.Helper()
	handle, err := s.Put(f.Context(), f.New(mark), plugin.Made{Model: "m", Scope: "s", Engine: &f.Maker})
	if err != nil {
		f.Fatal(err)
	}
	return handle
}

func (f *fixture) use(s plugin.Store, handle string) (*plugin.Loan, error) {
	return s.Use(f.Context(), handle, plugin.Reader{Model: "m", Scope: "s", Engine: &f.Maker, Load: f.Load})
}

func (f *fixture) mustUse(s plugin.Store, handle string, mark byte) *plugin.Loan {
	f.Helper()
	loan, err := f.use(s, handle)
	if err != nil {
		f.Fatal(err)
	}
	if m := loan.Memory.(*Memory); m.Mark != mark || m.Closed() {
		f.Fatalf("memory %c, closed %t; want %c, open", m.Mark, m.Closed(), mark)
	}
	return loan
}

func (f *fixture) done(loan *plugin.Loan) {
	f.Helper()
	if err := loan.Done(); err != nil {
		f.Error(err)
	}
}

// isGone wants the error for a memory that is not there any more.
func (f *fixture) isGone(s plugin.Store, handle, why string) {
	f.Helper()
	gone := &llms.Error{Code: llms.ErrCodeResourceNotFound}
	if _, err := f.use(s, handle); !errors.Is(err, gone) {
		f.Errorf("use of what is %s: got %v", why, err)
	}
	if _, err := s.Stat(handle, "s"); !errors.Is(err, gone) {
		f.Errorf("stat of what is %s: got %v", why, err)
	}
	if err := s.Release(handle, "s"); err != nil {
		f.Errorf("release of what is %s: got %v", why, err)
	}
}

// refuses wants the handle not to be read at all.
func (f *fixture) refuses(s plugin.Store, handle, scope, why string) {
	f.Helper()
	loan, err := s.Use(f.Context(), handle, plugin.Reader{Model: "m", Scope: scope, Foreign: true, Engine: &f.Maker, Load: f.Load})
	if !llms.IsInvalidRequestError(err) || loan != nil {
		f.Errorf("use, %s: got %v, %v", why, loan, err)
	}
	if info, err := s.Stat(handle, scope); !llms.IsInvalidRequestError(err) {
		f.Errorf("stat, %s: got %v, %v", why, info, err)
	}
	if err := s.Release(handle, scope); !llms.IsInvalidRequestError(err) {
		f.Errorf("release, %s: got %v", why, err)
	}
}

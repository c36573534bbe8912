package plugin

// What becomes of the handles of a call: each is borrowed from the store, those whose contents another one has already
// are left out, and what remains is joined.

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// inherited is the memory that a call goes on from.
type inherited struct {
	memory Memory   // nil if there were no handles
	holds  []string // the memories it was made from, for those that are made from it
	loans  []*Loan
	joined bool
}

// inherit returns what handles stand for; the caller gives it back.
func (l *LLM) inherit(ctx context.Context, handles []string) (_ *inherited, err error) {
	in := &inherited{}
	defer func() {
		if err != nil {
			_ = in.giveBack()
		}
	}()
	_, digest := l.generator.Model()
	by := Reader{Model: digest, Scope: l.scope, Foreign: l.foreign, Engine: l.generator}
	if loader, ok := l.generator.(Loader); ok {
		by.Load = loader.LoadMemory
	}
	for i, handle := range handles {
		if slices.ContainsFunc(handles[:i], func(before string) bool { return strings.EqualFold(before, handle) }) {
			continue
		}
		loan, err := l.store.Use(ctx, handle, by)
		if err != nil {
			return nil, err
		}
		in.loans = append(in.loans, loan)
	}
	var parts []Memory
	for _, loan := range distinct(in.loans) {
		parts = append(parts, loan.Memory)
	}
	for _, loan := range in.loans {
		in.holds = append(append(in.holds, loan.Digest), loan.Holds...)
	}
	slices.Sort(in.holds)
	in.holds = slices.Compact(in.holds)
	switch len(parts) {
	case 0:
	case 1:
		in.memory = parts[0]
	default:
		if in.memory, err = l.generator.Join(ctx, parts...); err != nil {
			return nil, err
		}
		in.joined = true
	}
	return in, nil
}

// distinct leaves out loans that another one holds already: it went on from them, was joined from them, or is equal
// and comes first.
func distinct(loans []*Loan) (rest []*Loan) {
	for i, loan := range loans {
		held := false
		for j, other := range loans {
			held = held || j != i && slices.Contains(other.Holds, loan.Digest) || j < i && other.Digest == loan.Digest
		}
		if !held {
			rest = append(rest, loan)
		}
	}
	return rest
}

// giveBack ends the loans and frees what was joined.
func (in *inherited) giveBack() error {
	var errs []error
	if in.joined {
		errs = append(errs, in.memory.Close())
	}
	for _, loan := range in.loans {
		errs = append(errs, loan.Done())
	}
	return errors.Join(errs...)
}

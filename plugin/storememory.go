package plugin

// MemoryStore keeps memories where they were made, on the device, as long as the process lives.

import (
	"context"
	"reflect"
)

// MemoryStore is a Store without files. Its handles are signed with a random key of its own, so that no other store
// takes them, and its memories are for the engine that made them alone.
type MemoryStore struct {
	keys    key
	options storeOptions
	shelf   *shelf[kept]
}

var _ Store = (*MemoryStore)(nil)

type kept struct {
	Info
	memory Memory
	engine any // that made it; nil if it is not known
}

// mayRead says why by may not use the memory, which can't leave its device.
func (k kept) mayRead(handle string, by Reader) error {
	if err := k.Info.mayRead(handle, by); err != nil {
		return err
	}
	known := func(engine any) bool { return engine != nil && reflect.ValueOf(engine).Comparable() }
	if known(k.engine) && known(by.Engine) && k.engine != by.Engine {
		return refused("handle %s is a memory on another engine's device; use one engine for models that share a plugin.NewStore, or a plugin.OpenStore, which brings memories from one engine to another", short(handle))
	}
	return nil
}

// NewStore returns an empty store that holds at most budget bytes of memories.
func NewStore(budget int64, opts ...StoreOption) (*MemoryStore, error) {
	o, err := readStoreOptions(budget, opts)
	if err != nil {
		return nil, err
	}
	if o.secretSet || o.diskBudget != nil {
		return nil, errOnlyOnDisk
	}
	s := &MemoryStore{keys: newKey(), options: o}
	s.shelf = newShelf[kept](budget, func(i id) { _ = s.drop(i) }) // whom would it tell?
	return s, nil
}

// Put implements Store.
func (s *MemoryStore) Put(_ context.Context, m Memory, made Made) (string, error) {
	if m == nil {
		return "", errNoMemory
	}
	i := newID()
	k := kept{s.options.describe(i, m, made), m, made.Engine}
	out, err := s.shelf.add(&place[kept]{id: i, value: k, size: k.Bytes, expires: k.Expires, last: k.Made})
	if err != nil {
		_ = m.Close()
		return "", roomError(err, k.Bytes, s.options.budget, "WithMemoryBudget")
	}
	for _, old := range out {
		_ = old.memory.Close() // the new one is fine even if an old one is not
	}
	return s.keys.handle(i, made.Scope), nil
}

// Use implements Store.
func (s *MemoryStore) Use(_ context.Context, handle string, by Reader) (*Loan, error) {
	i, err := s.keys.read(handle, by.Scope)
	if err != nil {
		return nil, err
	}
	p, err := s.shelf.use(i)
	if err != nil {
		return nil, s.gone(handle, err)
	}
	done := func() error {
		if s.shelf.done(p) {
			return p.value.memory.Close()
		}
		return nil
	}
	if err := p.value.mayRead(handle, by); err != nil {
		_ = done()
		return nil, err
	}
	return &Loan{Memory: p.value.memory, Digest: p.value.Digest, Holds: p.value.Holds, done: done}, nil
}

func (s *MemoryStore) gone(handle string, err error) error {
	return goneError(handle, err, "WithMemoryBudget")
}

// Release implements Store.
func (s *MemoryStore) Release(handle, scope string) error {
	i, err := s.keys.read(handle, scope)
	if err != nil {
		return err
	}
	return s.drop(i)
}

func (s *MemoryStore) drop(i id) error {
	if k, idle, ok := s.shelf.remove(i); ok && idle {
		return k.memory.Close()
	}
	return nil
}

// Stat implements Store.
func (s *MemoryStore) Stat(handle, scope string) (Info, error) {
	i, err := s.keys.read(handle, scope)
	if err != nil {
		return Info{}, err
	}
	at, err := s.shelf.look(i)
	if err != nil {
		return Info{}, s.gone(handle, err)
	}
	return s.info(at), nil
}

// List implements Store.
func (s *MemoryStore) List() (all []Info) {
	for _, at := range s.shelf.lookAll() {
		all = append(all, s.info(at))
	}
	return all
}

func (s *MemoryStore) info(at seen[kept]) Info {
	info := at.value.Info
	info.Handle, info.InUse, info.LastUsed = s.keys.handle(at.id, info.Scope), at.inUse, at.last
	return info
}

// Size implements Store; the bytes are those of keys and values on the device.
func (s *MemoryStore) Size() (memories int, bytes int64) { return s.shelf.size() }

// Close implements Store.
func (s *MemoryStore) Close() error {
	var idle []Memory
	for _, k := range s.shelf.close() {
		idle = append(idle, k.memory)
	}
	return closeAll(idle)
}

package plugin

// The store keeps the memories behind handles, on the device, in this process.

import (
	"container/list"
	"errors"
	"fmt"
	"sync"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/xlaengine"
)

// Store holds memories up to a budget of bytes; beyond it those go that were unused longest, but none that a call is
// using. It is safe for parallel use.
type Store struct {
	key    key
	budget int64

	mu     sync.Mutex
	held   map[id]*list.Element // of *entry
	recent list.List            // least recently used first
	bytes  int64                // of all entries held; those released while in use not counted
	closed bool
}

type entry struct {
	id     id
	memory Memory
	digest string // of the model that made it
	users  int    // calls that are using it
	gone   bool   // released or evicted; freed when the last user is done
}

// NewStore returns an empty store that holds at most budget bytes of memories. Its handles are signed with a random
// key of its own, so that no other store takes them.
func NewStore(budget int64) (*Store, error) {
	if budget <= 0 {
		return nil, fmt.Errorf("memory budget of %d bytes; want more than 0", budget)
	}
	return &Store{key: newKey(), budget: budget, held: map[id]*list.Element{}}, nil
}

// put takes m over, closing it if there is no place for it.
func (s *Store) put(m Memory, digest string) (handle string, err error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		_ = m.Close()
		return "", fmt.Errorf("store %w", xlaengine.ErrClosed)
	}
	freed, fits := s.makeRoom(m.Bytes())
	if fits {
		e := &entry{id: newID(), memory: m, digest: digest}
		s.held[e.id] = s.recent.PushBack(e)
		s.bytes += m.Bytes()
		handle = s.key.handle(e.id)
	} else {
		freed = append(freed, m)
		err = llms.NewError(llms.ErrCodeQuotaExceeded, provider, fmt.Sprintf(
			"a memory of %d bytes does not fit the budget of %d, of which %d are in use; raise WithMemoryBudget", m.Bytes(), s.budget, s.bytes))
	}
	s.mu.Unlock()
	_ = closeAll(freed) // the new one is fine even if an old one is not
	return handle, err
}

// makeRoom forgets memories until there is room for size more bytes and returns those to be closed.
func (s *Store) makeRoom(size int64) (freed []Memory, fits bool) {
	if size > s.budget {
		return nil, false
	}
	for at := s.recent.Front(); at != nil && s.bytes+size > s.budget; {
		e, next := at.Value.(*entry), at.Next()
		if e.users == 0 {
			s.forget(at)
			freed = append(freed, e.memory)
		}
		at = next
	}
	return freed, s.bytes+size <= s.budget
}

func (s *Store) forget(at *list.Element) {
	e := at.Value.(*entry)
	e.gone = true
	s.recent.Remove(at)
	delete(s.held, e.id)
	s.bytes -= e.memory.Bytes()
}

// use returns the memory behind handle, made by the model with that digest. It stays until done is called, once,
// whatever is released or evicted in the meantime.
func (s *Store) use(handle, digest string) (m Memory, done func() error, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, err := s.find(handle)
	if err != nil {
		return nil, nil, err
	}
	e := at.Value.(*entry)
	if e.digest != digest {
		return nil, nil, refused("handle %s is a memory of another model (weights %.12s, not %.12s); models can't read each other's", short(handle), e.digest, digest)
	}
	s.recent.MoveToBack(at)
	e.users++
	return e.memory, func() error { return s.done(e) }, nil
}

// find returns the element behind handle.
func (s *Store) find(handle string) (*list.Element, error) {
	i, err := s.key.read(handle)
	if err != nil {
		return nil, err
	}
	if s.closed {
		return nil, fmt.Errorf("store %w", xlaengine.ErrClosed)
	}
	at, ok := s.held[i]
	if !ok {
		return nil, llms.NewError(llms.ErrCodeResourceNotFound, provider, fmt.Sprintf(
			"the memory behind handle %s is gone: released, or evicted to stay within %d bytes (WithMemoryBudget)", short(handle), s.budget))
	}
	return at, nil
}

func (s *Store) done(e *entry) error {
	s.mu.Lock()
	e.users--
	last := e.gone && e.users == 0
	s.mu.Unlock()
	if last {
		return e.memory.Close()
	}
	return nil
}

// Release lets go of the memory behind handle as soon as no call uses it. For one that is gone already it does
// nothing; a handle that the store did not make is an error.
func (s *Store) Release(handle string) error {
	i, err := s.key.read(handle)
	if err != nil {
		return err
	}
	s.mu.Lock()
	at, ok := s.held[i]
	if !ok {
		s.mu.Unlock()
		return nil
	}
	e := at.Value.(*entry)
	s.forget(at)
	idle := e.users == 0
	s.mu.Unlock()
	if idle {
		return e.memory.Close()
	}
	return nil
}

// Size returns how many memories are held and their bytes.
func (s *Store) Size() (memories int, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.recent.Len(), s.bytes
}

// Close lets go of all memories. Those that calls are using go when the calls end.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	var freed []Memory
	for s.recent.Len() > 0 {
		e := s.recent.Front().Value.(*entry)
		s.forget(s.recent.Front())
		if e.users == 0 {
			freed = append(freed, e.memory)
		}
	}
	s.mu.Unlock()
	return closeAll(freed)
}

func closeAll(memories []Memory) error {
	var errs []error
	for _, m := range memories {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}

package plugin

// A shelf holds things up to a budget of bytes; beyond it those go that were unused longest, but none that someone is
// using. It keeps the books only: whoever owns the shelf frees what it gives back, outside the shelf's lock. A shelf that
// was never made, of a store that was never opened, is closed.

import (
	"container/list"
	"errors"
	"sync"
	"time"

	"github.com/latentchain/latentchain/xlaengine"
)

var (
	errGone   = errors.New("is not held")
	errNoRoom = errors.New("does not fit")
	errHeld   = errors.New("is held already")
)

type shelf[V any] struct {
	budget  int64
	expired func(id) // called when a place's time is over, from a goroutine of its own; nil if nothing expires

	mu     sync.Mutex
	held   map[id]*list.Element // of *place[V]
	recent list.List            // least recently used first
	bytes  int64                // of all places held; those gone but in use are not counted
	closed bool
}

// place is one thing on a shelf.
type place[V any] struct {
	id      id
	value   V // never changes
	size    int64
	expires time.Time // zero: never

	last  time.Time // of use
	users int
	gone  bool // freed when the last user is done
	alarm *time.Timer
}

func newShelf[V any](budget int64, expired func(id)) *shelf[V] {
	return &shelf[V]{budget: budget, expired: expired, held: map[id]*list.Element{}}
}

// add puts p on the shelf as the one used last, and returns what had to go for it, none of it in use. If there is no
// place for p, nothing goes.
func (s *shelf[V]) add(p *place[V]) (out []V, err error) {
	if s == nil {
		return nil, xlaengine.ErrClosed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, xlaengine.ErrClosed
	}
	if _, ok := s.held[p.id]; ok {
		return nil, errHeld
	}
	going, free := []*list.Element(nil), s.budget-s.bytes
	for at := s.recent.Front(); at != nil && free < p.size; at = at.Next() {
		if other := at.Value.(*place[V]); other.users == 0 {
			going, free = append(going, at), free+other.size
		}
	}
	if free < p.size {
		return nil, errNoRoom
	}
	for _, at := range going {
		out = append(out, at.Value.(*place[V]).value)
		s.forget(at)
	}
	s.held[p.id] = s.recent.PushBack(p)
	s.bytes += p.size
	if !p.expires.IsZero() && s.expired != nil {
		p.alarm = time.AfterFunc(time.Until(p.expires), func() { s.expired(p.id) })
	}
	return out, nil
}

func (s *shelf[V]) forget(at *list.Element) {
	p := at.Value.(*place[V])
	p.gone = true
	if p.alarm != nil {
		p.alarm.Stop()
	}
	s.recent.Remove(at)
	delete(s.held, p.id)
	s.bytes -= p.size
}

// use returns the place of i, which stays until done is called.
func (s *shelf[V]) use(i id) (*place[V], error) {
	if s == nil {
		return nil, xlaengine.ErrClosed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at, err := s.find(i)
	if err != nil {
		return nil, err
	}
	p := at.Value.(*place[V])
	s.recent.MoveToBack(at)
	p.users++
	p.last = time.Now()
	return p, nil
}

func (s *shelf[V]) find(i id) (*list.Element, error) {
	if s.closed {
		return nil, xlaengine.ErrClosed
	}
	at, ok := s.held[i]
	if !ok {
		return nil, errGone
	}
	if p := at.Value.(*place[V]); !p.expires.IsZero() && !time.Now().Before(p.expires) {
		return nil, errGone // its alarm is about to ring
	}
	return at, nil
}

// done ends one use and says whether p is to be freed now.
func (s *shelf[V]) done(p *place[V]) (free bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.users--
	return p.gone && p.users == 0
}

// remove takes i off the shelf. It is to be freed now if idle, else by the one who is done with it last.
func (s *shelf[V]) remove(i id) (value V, idle, ok bool) {
	if s == nil {
		return value, false, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.held[i]
	if !ok {
		return value, false, false
	}
	p := at.Value.(*place[V])
	s.forget(at)
	return p.value, p.users == 0, true
}

// seen is a place at one moment.
type seen[V any] struct {
	id    id
	value V
	inUse bool
	last  time.Time
}

func (s *shelf[V]) look(i id) (seen[V], error) {
	if s == nil {
		return seen[V]{}, xlaengine.ErrClosed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at, err := s.find(i)
	if err != nil {
		return seen[V]{}, err
	}
	return at.Value.(*place[V]).seen(), nil
}

func (s *shelf[V]) lookAll() (all []seen[V]) {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for at := s.recent.Front(); at != nil; at = at.Next() {
		all = append(all, at.Value.(*place[V]).seen())
	}
	return all
}

func (p *place[V]) seen() seen[V] { return seen[V]{p.id, p.value, p.users > 0, p.last} }

func (s *shelf[V]) size() (places int, bytes int64) {
	if s == nil {
		return 0, 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.recent.Len(), s.bytes
}

// close empties the shelf for good and returns what is to be freed now.
func (s *shelf[V]) close() (idle []V) {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for s.recent.Len() > 0 {
		p := s.recent.Front().Value.(*place[V])
		s.forget(s.recent.Front())
		if p.users == 0 {
			idle = append(idle, p.value)
		}
	}
	return idle
}

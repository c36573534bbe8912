package xlaengine

// A row is one agent's run through the engine: it starts from a memory, takes in prompt tokens or thoughts (forward.go), and
// its slots grow. This file says which slots it may write to. Everything here runs on the engine's goroutine.

import "context"

// row is a working memory under construction.
type row struct {
	ctx     context.Context // of the caller
	slots   *slots          // nil while empty
	length  int             // positions in slots that are this row's
	made    bool            // slots were made for this row, others may have come to share them since
	pending []int           // prompt tokens not yet taken in
	chain   chain           // of the positions in slots and those pending
	hidden  [][]float32     // after the last pass: of its last positions, as many as were wanted, [dim] each
}

// needs is how many slots the row needs to take in count positions in a pass of t: where the device writes them, it
// writes the padding too.
func (e *Engine) needs(r *row, count, t int) int {
	if e.dev.inPlace() {
		return r.length + count
	}
	return r.length + t
}

// claim makes the row its slots' writer if it can go on in them.
func (r *row) claim() {
	if s := r.slots; s != nil && s.writer == nil && s.used == r.length && !s.resting() {
		s.writer = r
	}
}

// writes says whether the row may write past its end in the slots it has.
func (r *row) writes() bool { return r.slots != nil && r.slots.writer == r }

// capacityFor is that of the slots in which the row comes to n positions: its own ones, if it may write to them and
// there is room.
func (r *row) capacityFor(n int) int {
	if r.writes() {
		return max(capacityFor(n), r.slots.capacity)
	}
	return capacityFor(n)
}

// own sees to it that the row may write to its slots, moving to some of the given capacity if the present ones are
// smaller or others go on from here in them.
func (r *row) own(e *Engine, capacity int) error {
	r.claim()
	if r.writes() && r.slots.capacity >= capacity {
		return nil
	}
	next, err := r.moved(e, capacity)
	if err != nil {
		return err
	}
	r.drop()
	next.writer = r
	r.slots, r.made = next, true
	return nil
}

// publish lets others read the row's first n positions, which no longer change.
func (r *row) publish(n int) {
	if r.writes() {
		r.slots.used = max(r.slots.used, n)
	}
}

func (r *row) moved(e *Engine, capacity int) (*slots, error) {
	if err := e.sched.makeSpace(e.dev.cacheBytes.Load, func() int64 {
		need := e.slotsBytes(capacity)
		if r.slots != nil && !r.slots.resting() && r.slots.holders.Load() == 1 {
			need -= r.slots.bytes() // given up as it is copied
		}
		return need
	}); err != nil {
		return nil, err
	}
	if r.length == 0 {
		return newSlots(e.dev, e.dec, capacity)
	}
	return r.slots.grown(capacity, r.length)
}

// drop lets go of the slots; what the row wrote to them and did not publish is as if it had never been.
func (r *row) drop() {
	if r == nil || r.slots == nil {
		return
	}
	r.yield()
	r.slots.letGo()
	r.slots, r.made = nil, false
}

// yield lets others write to the slots.
func (r *row) yield() {
	if r.writes() {
		r.slots.writer = nil
	}
}

// What was encoded before, so that a word is merged once and not every time it is met.

package token

import "sync"

// cache remembers the ids of short pieces; most pieces of a text are words seen before. Once full it keeps what
// it has.
type cache struct {
	mu  sync.RWMutex
	ids map[string][]int32
}

const (
	cachedPieces = 1 << 15
	cachedBytes  = 64 // longest piece kept
)

func (c *cache) get(text string) ([]int32, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	ids, ok := c.ids[text]
	return ids, ok
}

func (c *cache) put(text string, ids []int32) {
	if len(text) > cachedBytes {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ids == nil {
		c.ids = map[string][]int32{}
	}
	if len(c.ids) < cachedPieces {
		c.ids[string([]byte(text))] = ids // a copy: text may be part of a long one
	}
}

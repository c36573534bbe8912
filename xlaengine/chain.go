package xlaengine

// A chain names what a memory took in, position by position: digest i is a SHA-256 over digest i-1 and the token or the
// thought at position i. Two memories whose chains agree at a position agree in everything up to it, however they
// were cut into prompts, agents and passes.

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"sort"
)

type digest [sha256.Size]byte

func (d digest) with(kind string, data []byte) digest {
	h := sha256.New()
	h.Write(d[:])
	h.Write([]byte(kind))
	h.Write(data)
	return digest(h.Sum(nil))
}

// link is one position of a chain.
type link struct {
	digest digest
	token  int32 // or noToken
}

const noToken = -1 // of a thought, and of what is not known

type chain []link

// last is the digest of everything; zero for an empty memory.
func (c chain) last() digest {
	if len(c) == 0 {
		return digest{}
	}
	return c[len(c)-1].digest
}

// withTokens returns a longer chain; c stays as it is.
func (c chain) withTokens(ids ...int) chain {
	longer := slices.Grow(slices.Clip(c), len(ids))
	for _, id := range ids {
		longer = append(longer, link{longer.last().with("token", binary.LittleEndian.AppendUint32(nil, uint32(id))), int32(id)})
	}
	return longer
}

// withThought returns a longer chain for an embedding [dim] fed back.
func (c chain) withThought(embedding []float32) chain {
	data := make([]byte, 0, 4*len(embedding))
	for _, v := range embedding {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return append(slices.Clip(c), link{c.last().with("thought", data), noToken})
}

// opaque is a chain of n positions of which only the digest of the whole is known. Its parts equal nothing else's.
func opaque(whole digest, n int) chain {
	c := make(chain, n)
	for i := range c {
		c[i] = link{whole.with("part", binary.LittleEndian.AppendUint32(nil, uint32(i))), noToken}
	}
	if n > 0 {
		c[n-1].digest = whole
	}
	return c
}

// common returns how many positions c and o have in common.
func (c chain) common(o chain) int {
	return sort.Search(min(len(c), len(o)), func(i int) bool { return c[i].digest != o[i].digest })
}

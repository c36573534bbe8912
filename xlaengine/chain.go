package xlaengine

// A chain names what a memory took in, position by position: entry i is a SHA-256 over entry i-1 and the token or the
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

type chain []digest

// last is the digest of everything; zero for an empty memory.
func (c chain) last() digest {
	if len(c) == 0 {
		return digest{}
	}
	return c[len(c)-1]
}

// withTokens returns a longer chain; c stays as it is.
func (c chain) withTokens(ids ...int) chain {
	longer := slices.Grow(slices.Clip(c), len(ids))
	for _, id := range ids {
		longer = append(longer, longer.last().with("token", binary.LittleEndian.AppendUint32(nil, uint32(id))))
	}
	return longer
}

// withThought returns a longer chain for an embedding [dim] fed back.
func (c chain) withThought(embedding []float32) chain {
	data := make([]byte, 0, 4*len(embedding))
	for _, v := range embedding {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return append(slices.Clip(c), c.last().with("thought", data))
}

// opaque is a chain of n positions of which only the digest of the whole is known. Its parts equal nothing else's.
func opaque(whole digest, n int) chain {
	c := make(chain, n)
	for i := range c {
		c[i] = whole.with("part", binary.LittleEndian.AppendUint32(nil, uint32(i)))
	}
	if n > 0 {
		c[n-1] = whole
	}
	return c
}

// common returns how many positions c and o have in common.
func (c chain) common(o chain) int {
	return sort.Search(min(len(c), len(o)), func(i int) bool { return c[i] != o[i] })
}

package xlaengine

// A chain names what a memory took in, position by position: digest i is a SHA-256 over digest i-1 and the token or the
// thought at position i. Two memories whose chains agree at a position agree in everything up to it, however they
// were cut into prompts, agents and passes.

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
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
	token  int32  // or noToken
	root   uint32 // of chains whose beginning was not made here: which one it was
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

// root is that of the last position.
func (c chain) root() uint32 {
	if len(c) == 0 {
		return 0
	}
	return c[len(c)-1].root
}

// owned is a copy to append to, with room for n more.
func (c chain) owned(n int) chain { return append(make(chain, 0, len(c)+n), c...) }

// withTokens appends tokens.
func (c chain) withTokens(ids ...int) chain {
	for _, id := range ids {
		c = append(c, link{c.last().with("token", binary.LittleEndian.AppendUint32(nil, uint32(id))), int32(id), c.root()})
	}
	return c
}

// withThought appends an embedding [dim] that was fed back.
func (c chain) withThought(embedding []float32) chain {
	data := make([]byte, 0, 4*len(embedding))
	for _, v := range embedding {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return append(c, link{c.last().with("thought", data), noToken, c.root()})
}

// opaque is a chain of n positions of which only the digest of the whole is known. Its parts equal nothing else's. With a
// root other than 0 nothing of it or of what follows it equals what has another root: whoever wrote the digest to a file
// may have made it up.
func opaque(whole digest, n int, root uint32) chain {
	c := make(chain, n)
	for i := range c {
		c[i] = link{whole.with("part", binary.LittleEndian.AppendUint32(nil, uint32(i))), noToken, root}
	}
	if n > 0 {
		c[n-1].digest = whole
	}
	return c
}

// common returns how many positions c and o have in common.
func (c chain) common(o chain) int {
	return sort.Search(min(len(c), len(o)), func(i int) bool { return c[i].digest != o[i].digest || c[i].root != o[i].root })
}

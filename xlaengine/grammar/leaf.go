// Leaves: the regular pieces a grammar is built of, read byte by byte. Literal text is here; strings are in text.go,
// numbers in number.go.

package grammar

// leaf is a set of byte strings, none of them a dead end: whatever step accepts can be completed. Leaves are
// comparable, and equal leaves stand for the same set.
type leaf interface {
	// step returns what may follow b; false if b is not allowed, nil if nothing may follow.
	step(b byte) (leaf, bool)
	// ends reports whether the empty string is in the set.
	ends() bool
	// least is the length of the shortest string in the set, in bytes.
	least() int
	// most bounds the least of all leaves that steps lead to.
	most() int
}

// literal is one string, never empty.
type literal string

func (l literal) step(b byte) (leaf, bool) {
	if l[0] != b {
		return nil, false
	}
	if len(l) == 1 {
		return nil, true
	}
	return l[1:], true
}

func (l literal) ends() bool { return false }
func (l literal) least() int { return len(l) }
func (l literal) most() int  { return len(l) }

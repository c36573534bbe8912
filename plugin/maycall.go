package plugin

// Where the model decides whether to call, its words are free; but once it has named a function and comes to the arguments,
// they fit the function's parameters.

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/latentchain/latentchain/xlaengine/grammar"
)

// mayCall is a constraint of answers that may hold calls in one of the forms of calls.go. It does not promise that a call
// which is begun with too few tokens left is complete.
type mayCall struct {
	*alphabet
	parameters map[string]*grammar.Grammar // of each function
	token      func(id int) string

	said string
	call *grammar.State // within arguments; nil elsewhere
	owes bool           // after arguments, before the } of the call
	mask []uint64
}

// callClosed is how many tokens are kept for what closes a call after its arguments.
const callClosed = 3

// MaskWithin implements xlaengine.Constraint.
func (c *mayCall) MaskWithin(left int) ([]uint64, error) {
	left = max(1, left-callClosed)
	if c.call != nil {
		mask, err := c.call.MaskWithin(left)
		if err != nil { // begun too late: it goes on as far as it gets
			return c.call.Mask(), nil
		}
		return mask, nil
	}
	if c.owes {
		return c.closes, nil
	}
	g, now := c.named()
	if g == nil {
		return c.all, nil
	}
	if !now {
		return c.flat, nil
	}
	first, err := g.Start().MaskWithin(left)
	if err != nil {
		first = g.Start().Mask()
	}
	c.mask = append(c.mask[:0], first...)
	if strings.HasSuffix(c.said, ":") {
		for i, word := range c.space {
			c.mask[i] |= word
		}
	}
	return c.mask, nil
}

// A call as far as its function's name and, in the last group, as far as its arguments.
var callOpens = regexp.MustCompile(`\{[^{}]*"name"\s*:\s*("(?:[^"\\{}]|\\.)*")[^{}]*?("(?:arguments|parameters)"\s*:\s*)?$`)

// named returns the parameters of the function whose call was begun, nil if there is none, and whether its arguments come
// now.
func (c *mayCall) named() (g *grammar.Grammar, now bool) {
	at := 0
	for _, tag := range []string{callBegin, thinkEnd} {
		if i := strings.LastIndex(c.said, tag); i >= 0 {
			at = max(at, i+len(tag))
		}
	}
	begun := unmarked(c.said[at:])
	if begun == "" || !strings.ContainsRune("{[`", rune(begun[0])) {
		return nil, false
	}
	found := callOpens.FindStringSubmatch(begun)
	var name string
	if found == nil || json.Unmarshal([]byte(found[1]), &name) != nil {
		return nil, false
	}
	return c.parameters[name], found[2] != ""
}

// Accept implements xlaengine.Constraint.
func (c *mayCall) Accept(id int) error {
	text := c.token(id)
	if c.call == nil && strings.HasPrefix(text, "{") {
		if g, now := c.named(); g != nil && now {
			c.call = g.Start()
		}
	}
	c.said += text
	c.owes = false
	if c.call == nil {
		return nil
	}
	if err := c.call.Accept(id); err != nil {
		return err
	}
	if c.call.MustEnd() {
		c.call, c.owes = nil, true
	}
	return nil
}

// Done implements xlaengine.Constraint.
func (c *mayCall) Done() bool {
	if c.call != nil || c.owes {
		return false
	}
	g, now := c.named()
	return g == nil || !now
}

// Need returns a number of tokens that is enough from here on.
func (c *mayCall) Need() int {
	if c.call != nil {
		return c.call.Need() + callClosed
	}
	if g, now := c.named(); g != nil && now {
		return g.Need() + callClosed
	}
	return callClosed
}

// alphabet is what mayCall knows of tokens: masks as xlaengine.Constraint has them.
type alphabet struct {
	all    []uint64
	flat   []uint64 // without {
	space  []uint64
	closes []uint64 // beginning with }, after space or not
}

// alphabet is made once.
func (s *shared) alphabet(v *grammar.Vocabulary) *alphabet {
	s.alphabetOnce.Do(func() {
		words := (v.Size() + 63) / 64
		a := &alphabet{make([]uint64, words), make([]uint64, words), make([]uint64, words), make([]uint64, words)}
		for id := range v.Size() {
			bit := uint64(1) << (id % 64)
			text := s.generator.Token(id)
			a.all[id/64] |= bit
			if !strings.Contains(text, "{") {
				a.flat[id/64] |= bit
			}
			switch rest := strings.TrimLeft(text, " \t\r\n"); {
			case strings.HasPrefix(rest, "}"):
				a.closes[id/64] |= bit
			case rest == "" && text != "":
				a.space[id/64] |= bit
			}
		}
		s.letters = a
	})
	return s.letters
}

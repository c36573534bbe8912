// Expansion: references, allOf, anyOf and oneOf taken apart, until a value is to fit all of some plain schemas, or all
// of some others, and so on.

package grammar

import (
	"net/url"
	"slices"
	"strings"
)

// alternative is a set of plain schemas, all of which a value fits. What they say of references and branches is done.
type alternative struct {
	plain []*schema
	picks []pick
}

// pick is the branch of a oneOf that an alternative has taken.
type pick struct {
	of     *schema
	branch int
}

// maxAlternatives bounds the alternatives of one value.
const maxAlternatives = 256

// expand returns the alternatives of a value that fits all of from. Those that plainly hold no value are left out.
func (c *compiler) expand(from []*schema) ([]alternative, error) {
	all := []alternative{{}}
	for _, s := range from {
		options, err := c.options(s, nil)
		if err != nil {
			return nil, err
		}
		if all, err = c.product(s, all, options); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// options returns the alternatives of s. trail are the schemas that led here without a step into a value.
func (c *compiler) options(s *schema, trail []*schema) ([]alternative, error) {
	if slices.Contains(trail, s) {
		return nil, problem(s.path, "it refers to itself in a circle")
	}
	if err := c.spend(s, 1); err != nil {
		return nil, err
	}
	trail = append(slices.Clone(trail), s)
	if s.no {
		return nil, nil
	}
	all := []alternative{{plain: []*schema{s}}}
	also := s.all
	if s.ref != nil {
		target, err := c.target(s)
		if err != nil {
			return nil, err
		}
		also = append([]*document{target}, also...)
	}
	for _, d := range also {
		part, err := c.read(d)
		if err != nil {
			return nil, err
		}
		options, err := c.options(part, trail)
		if err != nil {
			return nil, err
		}
		if all, err = c.product(s, all, options); err != nil {
			return nil, err
		}
	}
	for _, choice := range []struct {
		branches []*document
		only     bool // one branch may fit
	}{{s.any, false}, {s.one, true}} {
		if len(choice.branches) == 0 {
			continue
		}
		var options []alternative
		for i, d := range choice.branches {
			branch, err := c.read(d)
			if err != nil {
				return nil, err
			}
			some, err := c.options(branch, trail)
			if err != nil {
				return nil, err
			}
			for _, a := range some {
				if choice.only {
					a.picks = append(slices.Clone(a.picks), pick{s, i})
				}
				options = append(options, a)
			}
		}
		var err error
		if all, err = c.product(s, all, options); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// target returns what the reference of s is to.
func (c *compiler) target(s *schema) (*document, error) {
	pointer, ok := strings.CutPrefix(s.ref.text, "#")
	if !ok || pointer != "" && pointer[0] != '/' {
		return nil, problem(s.path, "reference %q is not supported; it must be into the same schema, as #/$defs/name", s.ref.text)
	}
	if plain, err := url.PathUnescape(pointer); err == nil {
		pointer = plain
	}
	if target := c.root.find(pointer); target != nil {
		return target, nil
	}
	return nil, problem(s.path, "reference %q leads nowhere", s.ref.text)
}

// product returns the alternatives that fit one of a and one of b.
func (c *compiler) product(s *schema, a, b []alternative) ([]alternative, error) {
	if len(a)*len(b) > maxAlternatives {
		return nil, problem(s.path, "anyOf, oneOf and allOf together make %d alternatives, at most %d are supported", len(a)*len(b), maxAlternatives)
	}
	all := make([]alternative, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			both := alternative{plain: slices.Clone(x.plain), picks: slices.Concat(x.picks, y.picks)}
			for _, p := range y.plain {
				if !slices.Contains(both.plain, p) {
					both.plain = append(both.plain, p)
				}
			}
			if err := c.spend(s, len(both.plain)); err != nil {
				return nil, err
			}
			if stated(both.plain) != 0 && !apart(x.picks, y.picks) {
				all = append(all, both)
			}
		}
	}
	return all, nil
}

// apart reports whether a and b are in different branches of a oneOf.
func apart(a, b []pick) bool {
	for _, p := range a {
		for _, q := range b {
			if p.of == q.of && p.branch != q.branch {
				return true
			}
		}
	}
	return false
}

// stated returns the types that all of plain allow.
func stated(plain []*schema) kinds {
	k := anyKind
	for _, s := range plain {
		k &= s.kinds
	}
	return k
}

// intended returns the types to write: if none are stated, those that the keywords are about.
func intended(plain []*schema) kinds {
	k := stated(plain)
	var hints kinds
	for _, s := range plain {
		hints |= s.hints
	}
	if k == anyKind && hints != 0 {
		return hints
	}
	return k
}

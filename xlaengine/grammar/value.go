// Values written in a schema, by enum and const: which of them fit the rest of it. This is JSON Schema as it is
// defined, not the narrower set that a grammar writes.

package grammar

import (
	"slices"
	"unicode/utf8"
)

// values is a list of them, and what each is the same as.
type values struct {
	list []*document
	same map[string]bool
}

func newValues(list ...*document) values {
	v := values{list: list, same: map[string]bool{}}
	for _, d := range list {
		v.same[d.same()] = true
	}
	return v
}

// listed returns the values that plain list and that fit all of plain, false if they list none.
func (c *compiler) listed(plain []*schema) (fitting []*document, listed bool, err error) {
	i := slices.IndexFunc(plain, func(s *schema) bool { return s.values != nil })
	if i < 0 {
		return nil, false, nil
	}
	for _, v := range plain[i].values[0].list {
		fits, err := c.valueFits(v, plain, 0)
		if err != nil {
			return nil, true, err
		}
		if fits {
			fitting = append(fitting, v)
		}
	}
	return fitting, true, nil
}

// valueFits reports whether v fits all of plain.
func (c *compiler) valueFits(v *document, plain []*schema, depth int) (bool, error) {
	for _, s := range plain {
		if err := c.spend(s, 1); err != nil {
			return false, err
		}
		if depth > maxDepth {
			return false, problem(s.path, "enum and const: nests deeper than %d", maxDepth)
		}
		if kindOf(v)&s.kinds == 0 {
			return false, nil
		}
		for _, list := range s.values {
			if !list.same[v.same()] {
				return false, nil
			}
		}
		fits, err := true, error(nil)
		switch v.kind {
		case '"':
			fits, err = c.stringFits(v.text, s)
		case '0':
			fits, err = numberFits(v, s)
		case '[':
			fits, err = c.arrayFits(v, s, depth)
		case '{':
			fits, err = c.objectFits(v, s, depth)
		}
		if !fits || err != nil {
			return false, err
		}
	}
	return true, nil
}

func kindOf(v *document) kinds {
	switch v.kind {
	case '{':
		return object
	case '[':
		return array
	case '"':
		return str
	case 'n':
		return null
	case '0':
		if n, ok := v.number(); ok && n.IsInt() {
			return integer
		}
		return fraction
	}
	return boolean
}

func (c *compiler) stringFits(text string, s *schema) (bool, error) {
	n := utf8.RuneCountInString(text)
	if n < s.minLength || s.maxLength >= 0 && n > s.maxLength {
		return false, nil
	}
	for _, p := range s.patterns {
		if lang, err := c.pattern(s, p); err != nil || lang == nil || !lang.accepts(text) {
			return false, err
		}
	}
	return true, nil
}

func numberFits(v *document, s *schema) (bool, error) {
	n, ok := v.number()
	if !ok {
		return false, problem(v.path, "the number is too large")
	}
	for _, b := range s.low {
		if c := n.Cmp(b.at); c < 0 || c == 0 && b.over {
			return false, nil
		}
	}
	for _, b := range s.high {
		if c := n.Cmp(b.at); c > 0 || c == 0 && b.over {
			return false, nil
		}
	}
	for _, m := range s.multiples {
		if q := *n; !q.Quo(n, m).IsInt() {
			return false, nil
		}
	}
	return true, nil
}

func (c *compiler) arrayFits(v *document, s *schema, depth int) (bool, error) {
	n := len(v.parts)
	if n < s.minItems || s.maxItems >= 0 && n > s.maxItems {
		return false, nil
	}
	for i, item := range v.parts {
		if fits, err := c.partFits(item, ofItem([]*schema{s}, i), depth); !fits || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (c *compiler) objectFits(v *document, s *schema, depth int) (bool, error) {
	n := len(v.keys)
	if n < s.minCount || s.maxCount >= 0 && n > s.maxCount {
		return false, nil
	}
	for _, name := range s.required {
		if !slices.Contains(v.keys, name) {
			return false, nil
		}
	}
	for i, key := range v.keys {
		if fits, err := c.partFits(v.parts[i], ofProperty([]*schema{s}, key), depth); !fits || err != nil {
			return false, err
		}
	}
	return true, nil
}

// partFits reports whether v, which is in a value, fits all of docs.
func (c *compiler) partFits(v *document, docs []*document, depth int) (bool, error) {
	for _, d := range docs {
		if fits, err := c.schemaFits(v, d, nil, depth+1); !fits || err != nil {
			return false, err
		}
	}
	return true, nil
}

// schemaFits reports whether v fits the schema d, with its references and branches. trail are the schemas that led here
// without a step into a value.
func (c *compiler) schemaFits(v, d *document, trail []*schema, depth int) (bool, error) {
	s, err := c.read(d)
	if err != nil || s.no {
		return false, err
	}
	if slices.Contains(trail, s) {
		return false, problem(s.path, "it refers to itself in a circle")
	}
	trail = append(trail, s)
	if err := c.spend(s, len(trail)); err != nil {
		return false, err
	}
	if fits, err := c.valueFits(v, []*schema{s}, depth); !fits || err != nil {
		return false, err
	}
	all := s.all
	if s.ref != nil {
		target, err := c.target(s)
		if err != nil {
			return false, err
		}
		all = append([]*document{target}, all...)
	}
	for _, of := range []struct {
		branches  []*document
		low, high int // how many of them fit
	}{{all, len(all), len(all)}, {s.any, min(1, len(s.any)), len(s.any)}, {s.one, min(1, len(s.one)), 1}} {
		fitting := 0
		for _, branch := range of.branches {
			fits, err := c.schemaFits(v, branch, trail, depth)
			if err != nil {
				return false, err
			}
			if fits {
				fitting++
			}
		}
		if fitting < of.low || fitting > of.high {
			return false, nil
		}
	}
	return true, nil
}

// Objects of a schema: properties in the order they are named in, the required ones always, then others if allowed.
// An object with properties is closed unless additionalProperties says otherwise, which is narrower than JSON Schema
// and keeps a model to the point.

package grammar

import "slices"

// shape is what some plain schemas say of an object.
type shape struct {
	names     []string // in order
	required  []string
	others    []*document // what properties without a name here must fit
	open      bool        // there may be such
	low, high int         // properties; −1 is without bound
}

func shapeOf(plain []*schema) shape {
	s := shape{high: -1}
	closes := false
	for _, p := range plain {
		closes = closes || p.closes
		for _, property := range p.properties {
			if !slices.Contains(s.names, property.name) {
				s.names = append(s.names, property.name)
			}
		}
		if p.additional != nil {
			s.others = append(s.others, p.additional)
		}
		if s.low = max(s.low, p.minCount); p.maxCount >= 0 && (s.high < 0 || p.maxCount < s.high) {
			s.high = p.maxCount
		}
	}
	for _, p := range plain {
		for _, name := range p.required {
			if !slices.Contains(s.required, name) {
				s.required = append(s.required, name)
			}
			if !slices.Contains(s.names, name) {
				s.names = append(s.names, name)
			}
		}
	}
	s.open = (s.others != nil || !closes) && !slices.ContainsFunc(s.others, func(d *document) bool { return d.kind == 'f' })
	return s
}

// ofProperty returns what plain ask of a property: all of a list.
func ofProperty(plain []*schema, name string) (all []*document) {
	for _, p := range plain {
		i := slices.IndexFunc(p.properties, func(q property) bool { return q.name == name })
		if i >= 0 {
			all = append(all, p.properties[i].value)
		} else if p.additional != nil {
			all = append(all, p.additional)
		}
	}
	return all
}

// object returns the expression for objects that fit all of plain.
func (c *compiler) object(plain []*schema) (*expr, error) {
	o := objectWriter{c: c, shape: shapeOf(plain), plain: plain, known: map[[2]int]*expr{}}
	if len(o.names) == 0 && o.others == nil && o.open && o.low == 0 && o.high < 0 {
		return c.freeObject(maxNesting), nil
	}
	for _, name := range o.names {
		value, err := c.fits(ofProperty(plain, name))
		if err != nil {
			return nil, err
		}
		o.members = append(o.members, inOrder(word(quoted(name, c.spell)), colon(), value))
	}
	if o.open {
		key := word(`"`)
		if len(o.names) > 0 {
			key = inOrder(key, leafExpr(newText(other(o.names).measured(c.spell), 0, -1, c.spell)))
		} else {
			key = inOrder(key, leafExpr(newText(anything, 0, -1, c.spell)))
		}
		value, err := c.fits(o.others)
		if err != nil {
			return nil, err
		}
		o.another = inOrder(key, colon(), value)
	}
	rest, err := o.from(0, 0)
	return inOrder(word("{"), rest), err
}

// objectWriter writes an object property by property.
type objectWriter struct {
	shape
	c       *compiler
	plain   []*schema
	members []*expr // by names
	another *expr   // a property that is not named
	known   map[[2]int]*expr
}

// from returns what follows when the properties before i are done, count of them written.
func (o *objectWriter) from(i, count int) (*expr, error) {
	if o.low == 0 && o.high < 0 {
		count = min(count, 1) // no more is to be known
	}
	if e, ok := o.known[[2]int{i, count}]; ok {
		return e, nil
	}
	if err := o.c.spend(o.plain[0], len(o.names)-i+1); err != nil { // a choice of those to come
		return nil, err
	}
	e, err := o.write(i, count)
	o.known[[2]int{i, count}] = e
	return e, err
}

func (o *objectWriter) write(i, count int) (*expr, error) {
	if i == len(o.names) {
		return o.end(count)
	}
	var ways []*expr
	if o.high < 0 || count < o.high {
		rest, err := o.from(i+1, count+1)
		if err != nil {
			return nil, err
		}
		ways = append(ways, inOrder(separator(count), o.members[i], rest))
	}
	if !slices.Contains(o.required, o.names[i]) {
		rest, err := o.from(i+1, count)
		if err != nil {
			return nil, err
		}
		ways = append(ways, rest)
	}
	return oneOf(ways...), nil
}

func separator(count int) *expr {
	if count == 0 {
		return &expr{kind: isEmpty}
	}
	return comma()
}

// end writes what is not named. Keys there may come twice, so no more than one of them is counted on.
func (o *objectWriter) end(count int) (*expr, error) {
	low, high := max(0, o.low-count), -1
	if o.high >= 0 {
		high = o.high - count
	}
	if !o.open {
		if low > 0 {
			return nothing(), nil
		}
		return word("}"), nil
	}
	if low > 1 {
		if o.low > len(o.names)+1 {
			return nil, problem(o.plain[0].path, "keyword \"minProperties\" is supported up to one more than the properties named")
		}
		return nothing(), nil
	}
	if high == 0 {
		if low > 0 {
			return nothing(), nil
		}
		return word("}"), nil
	}
	more := inOrder(o.another, times(inOrder(comma(), o.another), 0, max(-1, high-1)))
	if count > 0 {
		more = inOrder(comma(), more)
	}
	if low == 0 {
		more = maybe(more)
	}
	return inOrder(more, word("}")), nil
}

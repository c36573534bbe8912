// oneOf: a value must fit one branch and no other. A grammar writes what fits a branch, so for each two branches it has
// to be clear that nothing written for one of them fits the other; where it is not, the schema is refused.

package grammar

import "slices"

// maxExclusive bounds how deep into properties the search for a difference goes.
const maxExclusive = 4

// exclusive checks the alternatives of a value.
func (c *compiler) exclusive(all []alternative) error {
	for i, a := range all {
		for _, b := range all[i+1:] {
			for _, p := range a.picks {
				j := slices.IndexFunc(b.picks, func(q pick) bool { return q.of == p.of })
				if j < 0 || b.picks[j].branch == p.branch {
					continue
				}
				if !c.apart(a.plain, b.plain, 0) || !c.apart(b.plain, a.plain, 0) {
					return problem(p.of.path, "keyword \"oneOf\": a value may fit both branch %d and branch %d; make them exclusive, by a required property with its own const, or use anyOf", p.branch, b.picks[j].branch)
				}
			}
		}
	}
	return nil
}

// apart reports whether it is clear that what is written for a does not fit b. What is wrong with either is found
// elsewhere.
func (c *compiler) apart(a, b []*schema, depth int) bool {
	if c.spend(a[0], len(a)+len(b)) != nil {
		return false
	}
	if values, listed, err := c.listed(a); listed {
		for _, v := range values {
			if fits, err := c.valueFits(v, b, 0); fits || err != nil {
				return false
			}
		}
		return err == nil
	}
	if values, listed, err := c.listed(b); listed {
		for _, v := range values {
			if fits, err := c.valueFits(v, a, 0); fits || err != nil {
				return false
			}
		}
		return err == nil
	}
	common := intended(a) & stated(b)
	switch {
	case common&(null|boolean) != 0,
		common&numeric != 0 && !c.numbersApart(a, b),
		common&str != 0 && !c.stringsApart(a, b),
		common&array != 0 && !arraysApart(a, b),
		common&object != 0 && !c.objectsApart(a, b, depth):
		return false
	}
	return true
}

func (c *compiler) numbersApart(a, b []*schema) bool {
	x, err := c.limits(a)
	y, also := c.limits(b)
	if err != nil || also != nil {
		return false
	}
	below := func(x, y limits) bool {
		if x.high == nil || y.low == nil {
			return false
		}
		order := x.high.Cmp(y.low)
		return order < 0 || order == 0 && (x.overHigh || y.overLow)
	}
	return below(x, y) || below(y, x)
}

func (c *compiler) stringsApart(a, b []*schema) bool {
	lang, _, _, err := c.language(slices.Concat(a, b))
	return err == nil && lang == nil
}

func arraysApart(a, b []*schema) bool {
	x, low, high := rowOf(a), 0, -1
	for _, p := range b {
		if low = max(low, p.minItems); p.maxItems >= 0 && (high < 0 || p.maxItems < high) {
			high = p.maxItems
		}
	}
	return x.high >= 0 && x.high < low || high >= 0 && high < x.low
}

// objectsApart looks for a property that one of them requires and that differs.
func (c *compiler) objectsApart(a, b []*schema, depth int) bool {
	if depth == maxExclusive {
		return false
	}
	x := shapeOf(a)
	for _, name := range slices.Concat(x.required, shapeOf(b).required) {
		if !x.open && !slices.Contains(x.names, name) {
			return true // a never writes what b requires
		}
		if c.propertiesApart(ofProperty(a, name), ofProperty(b, name), depth) {
			return true
		}
	}
	return false
}

func (c *compiler) propertiesApart(a, b []*document, depth int) bool {
	x, err := c.alternatives(a)
	y, also := c.alternatives(b)
	if err != nil || also != nil {
		return false
	}
	for _, p := range x {
		for _, q := range y {
			if len(p.plain) == 0 || len(q.plain) == 0 || !c.apart(p.plain, q.plain, depth+1) {
				return false
			}
		}
	}
	return true
}

func (c *compiler) alternatives(docs []*document) ([]alternative, error) {
	var list []*schema
	for _, d := range docs {
		s, err := c.read(d)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return c.expand(list)
}

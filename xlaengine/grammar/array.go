// Arrays of a schema. One with prefixItems ends after them unless items or minItems say otherwise.

package grammar

// row is what some plain schemas say of an array.
type row struct {
	named     int // items with a schema of their own
	low, high int // items; −1 is without bound
}

func rowOf(plain []*schema) row {
	r := row{high: -1}
	open := true
	for _, p := range plain {
		r.named = max(r.named, len(p.prefix))
		if r.low = max(r.low, p.minItems); p.maxItems >= 0 && (r.high < 0 || p.maxItems < r.high) {
			r.high = p.maxItems
		}
		open = open && (p.prefix == nil || p.items != nil)
	}
	if last := max(r.named, r.low); !open && (r.high < 0 || last < r.high) {
		r.high = last
	}
	return r
}

// ofItem returns what plain ask of item i: all of a list.
func ofItem(plain []*schema, i int) (all []*document) {
	for _, p := range plain {
		if i < len(p.prefix) {
			all = append(all, p.prefix[i])
		} else if p.items != nil {
			all = append(all, p.items)
		}
	}
	return all
}

// array returns the expression for arrays that fit all of plain.
func (c *compiler) array(plain []*schema) (*expr, error) {
	r := rowOf(plain)
	if r.high >= 0 && r.low > r.high {
		return nothing(), nil
	}
	item, err := c.fits(ofItem(plain, r.named))
	if err != nil {
		return nil, err
	}
	if r.named == 0 {
		return enclosed("[", item, r.low, r.high, "]"), nil
	}
	high := -1
	if r.high >= 0 {
		high = max(0, r.high-r.named)
	}
	rest := inOrder(times(inOrder(comma(), item), max(0, r.low-r.named), high), word("]"))
	for i := r.named - 1; i >= 0; i-- {
		if r.high >= 0 && i >= r.high {
			rest = word("]")
			continue
		}
		item, err := c.fits(ofItem(plain, i))
		if err != nil {
			return nil, err
		}
		rest = inOrder(separator(i), item, rest)
		if i >= r.low {
			rest = oneOf(word("]"), rest)
		}
	}
	return inOrder(word("["), rest), c.spend(plain[0], r.named)
}

// The compiler: from a schema to a grammar's rules. A rule is a list of schemas, all of which its values fit, so a
// reference back to such a list is a reference to its rule.

package grammar

import (
	"encoding/binary"
	"slices"
)

type compiler struct {
	root   *document
	spell  letters
	known  map[*document]*schema
	rules  []rule
	lists  [][]*schema          // by rule; nil for rules that are not from a schema
	named  map[string]int       // rules by the ids of their schemas
	free   map[int]int          // rules for any value, by how deep it may nest
	words  map[string]*language // languages of patterns
	digits *digits              // of any number
	work   int
}

// maxWork bounds what compiling a schema does, in pieces looked at.
const maxWork = 1 << 19

// maxNesting is how deep a value that the schema says nothing of may nest.
const maxNesting = 32

func newCompiler(root *document, spell letters) (*compiler, error) {
	digits, err := numbers(limits{decimals: decimalDigits})
	return &compiler{
		root: root, spell: spell, digits: digits, known: map[*document]*schema{}, named: map[string]int{}, free: map[int]int{}, words: map[string]*language{},
	}, err
}

// compile returns the rules for the root schema. The first is the one to start with.
func (c *compiler) compile() ([]rule, error) {
	root, err := c.read(c.root)
	if err != nil {
		return nil, err
	}
	if _, err := c.rule([]*schema{root}); err != nil {
		return nil, err
	}
	for i := 0; i < len(c.rules); i++ {
		if c.rules[i].body == nil {
			if c.rules[i].body, err = c.value(c.lists[i]); err != nil {
				return nil, err
			}
		}
	}
	return c.settled()
}

// settled finds the shortest text of each rule. The first must have one.
func (c *compiler) settled() ([]rule, error) {
	settle(c.rules)
	if c.rules[0].least < never {
		return c.rules, nil
	}
	last := 0 // the empty rule that is furthest from the root, likely the cause
	for i, r := range c.rules {
		if r.least == never {
			last = i
		}
	}
	return nil, problem(c.rules[last].path, "no value fits")
}

// read returns the schema that d is.
func (c *compiler) read(d *document) (*schema, error) {
	if s, ok := c.known[d]; ok {
		return s, nil
	}
	s, err := readSchema(d)
	if err != nil {
		return nil, err
	}
	s.id = len(c.known)
	c.known[d] = s
	return s, nil
}

// spend counts work.
func (c *compiler) spend(s *schema, n int) error {
	if c.work += n; c.work > maxWork {
		return problem(s.path, "the schema is too large; %d pieces have been looked at", maxWork)
	}
	return nil
}

// fits returns the expression for values that fit all of docs.
func (c *compiler) fits(docs []*document) (*expr, error) {
	var list []*schema
	for _, d := range docs {
		s, err := c.read(d)
		if err != nil {
			return nil, err
		}
		if s.no {
			return nothing(), nil
		}
		if s.says && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	if len(list) == 0 {
		return ruleExpr(c.anyValue(maxNesting)), nil
	}
	n, err := c.rule(list)
	return ruleExpr(n), err
}

// rule returns the rule for values that fit all of list. Its body is written when its turn comes.
func (c *compiler) rule(list []*schema) (int, error) {
	var key []byte
	for _, s := range list {
		key = binary.AppendUvarint(key, uint64(s.id))
	}
	if n, ok := c.named[string(key)]; ok {
		return n, nil
	}
	n := len(c.rules)
	c.named[string(key)] = n
	c.rules, c.lists = append(c.rules, rule{path: list[0].path}), append(c.lists, list)
	return n, c.spend(list[0], len(list))
}

// anyValue returns the rule for any value that nests no deeper.
func (c *compiler) anyValue(depth int) int {
	if n, ok := c.free[depth]; ok {
		return n
	}
	n := len(c.rules)
	c.free[depth] = n
	c.rules, c.lists = append(c.rules, rule{}), append(c.lists, nil)
	parts := []*expr{
		word("null"), word("true"), word("false"),
		inOrder(word(`"`), leafExpr(newText(anything, 0, -1, c.spell))),
		leafExpr(number{c.digits, 0}),
	}
	if depth > 0 {
		parts = append(parts, c.freeObject(depth), enclosed("[", ruleExpr(c.anyValue(depth-1)), 0, -1, "]"))
	}
	c.rules[n].body = oneOf(parts...)
	return n
}

// freeObject is any object that nests no deeper.
func (c *compiler) freeObject(depth int) *expr {
	key := inOrder(word(`"`), leafExpr(newText(anything, 0, -1, c.spell)))
	return enclosed("{", inOrder(key, colon(), ruleExpr(c.anyValue(depth-1))), 0, -1, "}")
}

// enclosed is low to high items with commas between them.
func enclosed(open string, item *expr, low, high int, end string) *expr {
	if high == 0 {
		return word(open + end)
	}
	some := inOrder(item, times(inOrder(comma(), item), max(0, low-1), max(-1, high-1)))
	if low == 0 {
		some = maybe(some)
	}
	return inOrder(word(open), some, word(end))
}

// value returns the expression for values that fit all of list.
func (c *compiler) value(list []*schema) (*expr, error) {
	all, err := c.expand(list)
	if err != nil {
		return nil, err
	}
	if err := c.exclusive(all); err != nil {
		return nil, err
	}
	var parts []*expr
	for _, a := range all {
		part, err := c.plain(a.plain)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return oneOf(parts...), nil
}

// plain returns the expression for values that fit all of some plain schemas.
func (c *compiler) plain(plain []*schema) (*expr, error) {
	values, listed, err := c.listed(plain)
	if err != nil {
		return nil, err
	}
	var parts []*expr
	if listed {
		var words []string
		for _, v := range values {
			if v.kind == '{' || v.kind == '[' {
				parts = append(parts, v.expr(c.spell))
			} else {
				words = append(words, v.word(c.spell))
			}
		}
		slices.Sort(words)
		parts = append(parts, anyWord(slices.Compact(words)))
		return oneOf(parts...), c.spend(plain[0], len(values)+len(parts)*len(parts))
	}
	types := intended(plain)
	for _, one := range []struct {
		kind kinds
		expr func([]*schema) (*expr, error)
	}{
		{null, func([]*schema) (*expr, error) { return word("null"), nil }},
		{boolean, func([]*schema) (*expr, error) { return oneOf(word("true"), word("false")), nil }},
		{numeric, c.number}, {str, c.text}, {array, c.array}, {object, c.object},
	} {
		if types&one.kind == 0 {
			continue
		}
		part, err := one.expr(plain)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return oneOf(parts...), nil
}

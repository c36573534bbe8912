package xlaengine

// Who is part of the next pass. Prompts and steps take turns, so that neither waits for the other's end; among their
// like, those go first that have waited longest.

import (
	"cmp"
	"slices"
)

// passPlan is a pass of rows, padded to n, of t positions each.
type passPlan struct {
	rows    []*sequence
	n, t    int
	prefill bool
}

// plan picks the rows of the next pass from those that run, at least one.
func plan(active []*sequence, lastWasPrefill bool, chunk int) passPlan {
	var prompts, steps []*sequence
	for _, q := range active {
		if q.prefilling() && chunk > 1 {
			prompts = append(prompts, q)
		} else {
			steps = append(steps, q)
		}
	}
	longestWaiting := func(a, b *sequence) int { return cmp.Compare(a.turn, b.turn) }
	slices.SortStableFunc(prompts, longestWaiting)
	slices.SortStableFunc(steps, longestWaiting)
	if len(steps) == 0 || len(prompts) > 0 && !lastWasPrefill {
		return planPrefill(prompts, chunk, len(steps) > 0)
	}
	rows := steps[:0:0]
	for _, q := range steps {
		if len(rows) < maxRows && q.class(1) == steps[0].class(1) {
			rows = append(rows, q)
		}
	}
	return passPlan{rows: rows, n: rowsFor(len(rows)), t: 1}
}

// planPrefill takes along as many prompts like the first one as make the pass faster: those of the same chunk. With
// others waiting for their steps it is kept short.
func planPrefill(prompts []*sequence, limit int, short bool) passPlan {
	first := prompts[0]
	t := chunkFor(len(first.pending), limit)
	like := prompts[:0:0]
	class := func(q *sequence) int { return q.class(min(t, len(q.pending))) }
	for _, q := range prompts {
		if chunkFor(len(q.pending), limit) == t && (q.length == 0) == (first.length == 0) && class(q) == class(first) {
			like = append(like, q)
		}
	}
	n := 1
	for _, rows := range prefillRows[t] {
		if rows*t > maxChunk && short {
			break
		}
		if 4*len(like) >= 3*rows {
			n = rows
		}
	}
	return passPlan{rows: like[:min(n, len(like))], n: n, t: t, prefill: true}
}

// prefillRows are the numbers of rows that chunks of each size run in.
var prefillRows = map[int][]int{16: {1, 4, 16}, 32: {1, 4}, 64: {1, 4}, 128: {1}, 256: {1, 4}}

// class groups rows that may run in one pass of so many positions: their slots are of one size then.
func (q *sequence) class(positions int) int {
	return capacityClass(q.capacityFor(q.length + positions))
}

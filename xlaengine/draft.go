package xlaengine

// Prompt-lookup decoding: answers often repeat what was said before, the question above all. When the last tokens have
// occurred before, those that followed them then are passed along as a draft, and one pass tells how many of them are
// what would have been sampled anyway. What is said is the same, greedy or not: a draft's token stays only if it is
// the one sampled from the logits before it, and with package kernels these have the same bits as without a draft.

import "slices"

const (
	draftTokens = 3 // passed along with the last token
	draftGram   = 3 // last tokens that must have occurred before; then 2
)

// draftOf returns what followed the last time that the last tokens of c and then last occurred, at most draftTokens; nil
// if they never did.
func draftOf(c chain, last int) []int {
	history := make([]int32, 0, len(c)+1)
	for _, link := range c {
		history = append(history, link.token)
	}
	history = append(history, int32(last))
	for gram := draftGram; gram >= 2; gram-- {
		end := len(history) - gram // where the last gram begins
		for at := end - 1; at >= 0; at-- {
			if !slices.Equal(history[at:at+gram], history[end:]) || slices.Contains(history[end:], noToken) {
				continue
			}
			var draft []int
			for _, id := range history[at+gram:] {
				if id == noToken || len(draft) == draftTokens {
					break
				}
				draft = append(draft, int(id))
			}
			if len(draft) > 0 {
				return draft
			}
		}
	}
	return nil
}

// drafter watches how well drafts would do for an answer, whether they are used or not. The zero value is ready.
type drafter struct {
	draft []int   // the one that is watched
	right int     // how many of its tokens came
	known bool    // yield is more than a guess
	yield float64 // tokens that a draft saves, lately
}

// said compares the draft that is watched with the token that came.
func (d *drafter) said(id int) {
	if len(d.draft) == 0 {
		return
	}
	if d.draft[d.right] != id {
		d.learn(d.right)
		return
	}
	if d.right++; d.right == len(d.draft) {
		d.learn(d.right)
	}
}

// learn notes that so many tokens of a draft were right.
func (d *drafter) learn(right int) {
	d.draft, d.right = nil, 0
	if !d.known {
		d.known, d.yield = true, float64(right)
		return
	}
	d.yield += (float64(right) - d.yield) / 4
}

// stepCosts are how long passes of so many rows and positions each take, in seconds, lately.
type stepCosts map[[2]int]float64

func (c stepCosts) learn(rows, positions int, seconds float64) {
	pass := [2]int{rows, positions}
	if old, known := c[pass]; known && seconds > old {
		seconds = old + (min(seconds, 2*old)-old)/8 // what takes long once was held up by others
	}
	c[pass] = seconds
}

// extra is what so many positions a row cost more than one, in tokens of that row; a guess while it is not known.
func (c stepCosts) extra(rows, positions int) float64 {
	one, more := c[[2]int{rows, 1}], c[[2]int{rows, positions}]
	if one == 0 || more == 0 {
		return 0.5
	}
	return more/one - 1
}

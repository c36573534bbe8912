// Digits: the automata over bytes that numbers are read with. Which numbers they hold is decided in number.go.

package grammar

import "fmt"

// number is the rest of a number.
type number struct {
	digits *digits
	state  int32
}

func (n number) step(b byte) (leaf, bool) {
	for _, e := range n.digits.states[n.state].edges {
		if e.b == b {
			return number{n.digits, e.to}, true
		}
	}
	return nil, false
}

func (n number) ends() bool { return n.digits.states[n.state].ends }
func (n number) least() int { return n.digits.states[n.state].least }
func (n number) most() int  { return n.digits.most }

// digits is an automaton over the bytes of numbers. State 0 is the start.
type digits struct {
	states []digitState
	most   int
}

type digitState struct {
	edges []digitEdge
	ends  bool
	least int
}

type digitEdge struct {
	b  byte
	to int32
}

// maxDigitStates bounds an automaton over digits.
const maxDigitStates = 20000

// explore writes out the states of r that lead to a number.
func explore(r reader) (*digits, error) {
	number := map[reading]int32{{}: 0}
	queue := []reading{{}}
	var all digits
	var into [][]int32
	for len(all.states) < len(queue) {
		n := queue[len(all.states)]
		state := digitState{ends: r.ends(n), least: never}
		into = append(into, nil)
		for _, b := range []byte("-.0123456789Ee+") {
			next, ok := r.step(n, b)
			if !ok {
				continue
			}
			to, ok := number[next]
			if !ok {
				to = int32(len(queue))
				number[next], queue = to, append(queue, next)
			}
			state.edges = append(state.edges, digitEdge{b, to})
		}
		if all.states = append(all.states, state); len(queue) > maxDigitStates {
			return nil, fmt.Errorf("its numbers need more than %d states", maxDigitStates)
		}
	}
	for i, s := range all.states {
		for _, e := range s.edges {
			into[e.to] = append(into[e.to], int32(i))
		}
	}
	var near []int32
	for i := range all.states {
		if all.states[i].ends {
			all.states[i].least, near = 0, append(near, int32(i))
		}
	}
	for ; len(near) > 0; near = near[1:] {
		least := all.states[near[0]].least
		all.most = least
		for _, i := range into[near[0]] {
			if all.states[i].least == never {
				all.states[i].least, near = least+1, append(near, i)
			}
		}
	}
	if all.states[0].least == never {
		return nil, nil
	}
	for i := range all.states {
		kept := all.states[i].edges[:0]
		for _, e := range all.states[i].edges {
			if all.states[e.to].least < never {
				kept = append(kept, e)
			}
		}
		all.states[i].edges = kept
	}
	return &all, nil
}

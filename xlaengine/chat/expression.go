// The part of rewriting that looks inside {{ … }} and {% … %}.

package chat

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const maxNesting = 100 // brackets within brackets

// keywords are the words that are no operand.
var keywords = map[string]bool{
	"and": true, "or": true, "not": true, "in": true, "is": true, "if": true, "else": true, "for": true,
	"recursive": true, "as": true, "with": true, "without": true, "context": true, "ignore": true, "import": true,
}

// How an expression can end.
var (
	endOutput = []string{"-}}", "+}}", "}}"}
	endTag    = []string{"-%}", "+%}", "%}"}
	endRound  = []string{")"}
	endSquare = []string{"]"}
	endEntry  = []string{":", ",", "}"}
)

// expression takes and rewrites all up to one of ends, takes that too, and returns both. With loop it is what
// follows {% for, whose first "in" is left alone.
func (s *scanner) expression(ends []string, loop bool, depth int) (text, end string, err error) {
	if depth > maxNesting {
		return "", "", fmt.Errorf("brackets are nested more than %d deep", maxNesting)
	}
	var out strings.Builder
	last := "" // the keyword before this place
	for {
		out.WriteString(s.spaces())
		if s.at >= len(s.in) {
			return "", "", fmt.Errorf("%q is missing", ends[len(ends)-1])
		}
		for _, end := range ends {
			if s.has(end) {
				return out.String(), s.take(len(end)), nil
			}
		}
		word := s.peekWord()
		switch {
		case !s.atOperand():
			out.WriteString(s.take(1))
			last = ""
		case keywords[word]:
			out.WriteString(s.take(len(word)) + s.spaces())
			if word == "in" && !loop && last != "is" && s.atOperand() && !keywords[s.peekWord()] {
				operand, err := s.operand(depth)
				if err != nil {
					return "", "", err
				}
				out.WriteString(container + "(" + operand + ")")
			}
			loop = loop && word != "in"
			last = word
		default:
			operand, err := s.operand(depth)
			if err != nil {
				return "", "", err
			}
			out.WriteString(operand)
			last = ""
		}
	}
}

func (s *scanner) peekWord() string {
	start := s.at
	word := s.word()
	s.at = start
	return word
}

// atOperand says that a name, number, text or opening bracket stands here.
func (s *scanner) atOperand() bool {
	return s.at < len(s.in) && (isNameByte(s.in[s.at]) || strings.IndexByte(`'"([{`, s.in[s.at]) >= 0)
}

// operand takes and rewrites one operand with all that is attached to it: .name, [index], (arguments).
func (s *scanner) operand(depth int) (string, error) {
	text, err := s.atom(depth)
	for err == nil {
		start := s.at
		between := s.spaces()
		var more string
		switch {
		case s.has("[") || s.has("("):
			more, err = s.bracket(depth)
			text += between + more
			continue
		case s.has("."):
			s.take(1)
			between += s.spaces()
			name := s.word()
			if name == "" {
				break
			}
			beforeCall := s.at
			between += s.spaces()
			if !s.has("(") {
				s.at = beforeCall
				text += "." + name
				continue
			}
			if more, err = s.bracket(depth); err != nil {
				return "", err
			}
			arguments := more[1 : len(more)-1]
			if strings.TrimSpace(arguments) != "" {
				arguments = ", " + arguments
			}
			text = callMethod + "(" + text + between + ", " + strconv.Quote(name) + arguments + ")"
			continue
		}
		s.at = start
		return text, nil
	}
	return "", err
}

// atom takes a name, number, text, or what stands in brackets.
func (s *scanner) atom(depth int) (string, error) {
	switch c := s.in[s.at]; {
	case c == '(' || c == '[':
		return s.bracket(depth)
	case c == '{':
		return s.literal(depth)
	case c == '\'' || c == '"':
		for i := s.at + 1; i < len(s.in); i++ {
			switch s.in[i] {
			case '\\':
				i++
			case c:
				return s.take(i + 1 - s.at), nil
			}
		}
		return "", errors.New("a text is not closed")
	case '0' <= c && c <= '9':
		number := s.word()
		if s.has(".") && s.at+1 < len(s.in) && '0' <= s.in[s.at+1] && s.in[s.at+1] <= '9' {
			number += s.take(1) + s.word()
		}
		return number, nil
	}
	return s.word(), nil
}

func (s *scanner) bracket(depth int) (string, error) {
	ends := endRound
	if s.has("[") {
		ends = endSquare
	}
	open := s.take(1)
	inner, end, err := s.expression(ends, false, depth+1)
	return open + inner + end, err
}

// literal turns {key: value, …} into a call.
func (s *scanner) literal(depth int) (string, error) {
	s.take(1)
	var parts []string
	for {
		part, end, err := s.expression(endEntry, false, depth+1)
		if err != nil {
			return "", err
		}
		if end != "}" {
			parts = append(parts, part)
			continue
		}
		if strings.TrimSpace(part) != "" {
			parts = append(parts, part)
		} else if n := len(parts); n > 0 { // a comma before the end
			parts[n-1] += part
		}
		return makeDict + "(" + strings.Join(parts, ",") + ")", nil
	}
}

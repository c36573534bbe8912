// Rewriting templates for the library, which has no hook for methods of its own values:
//
//	text.strip("\n")     becomes   __method(text, "strip", "\n")
//	{"a": 1, "b": 2}     becomes   __dict("a", 1, "b", 2)
//	key in value         becomes   key in __in(value), but not in {% for key in value %}
//	{% generation %}     becomes   {% if true %}
//	{% for … %}          becomes   {% for … %}{% set __tick = 0 %}, since a turn without a statement burns no fuel
//
// Nothing else changes, and no line gets another number. What is not understood is left to the library to refuse.

package chat

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

const (
	callMethod = "__method"
	makeDict   = "__dict"
	container  = "__in"
	tick       = "__tick"
)

// rewrite returns source with its expressions rewritten.
func rewrite(source string) (string, error) {
	s := scanner{in: source}
	var out strings.Builder
	for s.at < len(s.in) {
		start := strings.Index(s.in[s.at:], "{")
		if start < 0 {
			break
		}
		out.WriteString(s.in[s.at : s.at+start])
		s.at += start
		switch {
		case s.has("{#"):
			out.WriteString(s.through("#}"))
		case s.has("{{"):
			out.WriteString(s.take(2) + s.sign())
			inner, end, err := s.expression(endOutput, false, 0)
			if err != nil {
				return "", s.located(err)
			}
			out.WriteString(inner + end)
		case s.has("{%"):
			tag, err := s.tag()
			if err != nil {
				return "", s.located(err)
			}
			out.WriteString(tag)
		default:
			out.WriteString(s.take(1))
		}
	}
	out.WriteString(s.in[s.at:])
	return out.String(), nil
}

// scanner reads a template.
type scanner struct {
	in string
	at int
}

func (s *scanner) located(err error) error {
	return fmt.Errorf("line %d: %w", strings.Count(s.in[:min(s.at, len(s.in))], "\n")+1, err)
}

func (s *scanner) has(text string) bool { return strings.HasPrefix(s.in[s.at:], text) }

func (s *scanner) take(n int) string {
	n = min(n, len(s.in)-s.at)
	s.at += n
	return s.in[s.at-n : s.at]
}

// through takes all up to and with the next end, or the rest.
func (s *scanner) through(end string) string {
	if i := strings.Index(s.in[s.at:], end); i >= 0 {
		return s.take(i + len(end))
	}
	return s.take(len(s.in))
}

// sign takes the - or + that may follow an opening bracket.
func (s *scanner) sign() string {
	if s.has("-") || s.has("+") {
		return s.take(1)
	}
	return ""
}

func (s *scanner) spaces() string {
	n := 0
	for s.at+n < len(s.in) && strings.IndexByte(" \t\r\n\f\v", s.in[s.at+n]) >= 0 {
		n++
	}
	return s.take(n)
}

func (s *scanner) word() string {
	n := 0
	for s.at+n < len(s.in) && isNameByte(s.in[s.at+n]) {
		n++
	}
	return s.take(n)
}

// isNameByte takes every byte above ASCII for a letter; the library decides.
func isNameByte(b byte) bool {
	return b == '_' || b >= 0x80 || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}

// tag rewrites {% … %}. What {% raw %} holds is taken as it is.
func (s *scanner) tag() (string, error) {
	open := s.take(2) + s.sign() + s.spaces()
	name := s.word()
	switch name {
	case "raw":
		end := endRaw.FindStringIndex(s.in[s.at:])
		if end == nil {
			return "", errors.New("{% raw %} is not closed")
		}
		return open + name + s.take(end[1]), nil
	case "generation":
		name = "if true"
	case "endgeneration":
		name = "endif"
	}
	inner, end, err := s.expression(endTag, name == "for", 0)
	if name == "for" {
		end = "%}{% set " + tick + " = 0 " + end
	}
	return open + name + inner + end, err
}

var endRaw = regexp.MustCompile(`\{%[-+]?\s*endraw\s*[-+]?%\}`)

// The date, for templates that tell the model what day it is.

package chat

import (
	"fmt"
	"strings"
	"time"

	"github.com/mitsuhiko/minijinja/minijinja-go/v2/value"
)

// clock is strftime_now(format).
type clock struct{ now time.Time }

// Call writes the time as Python's strftime does.
func (c clock) Call(_ value.State, args []value.Value, _ map[string]value.Value) (value.Value, error) {
	if len(args) != 1 {
		return value.Undefined(), fmt.Errorf("strftime_now takes a format, got %d arguments", len(args))
	}
	format, ok := args[0].AsString()
	if !ok {
		return value.Undefined(), fmt.Errorf("strftime_now: the format is %s, want a text", args[0].Kind())
	}
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		unpadded := format[i] == '-' && i+1 < len(format)
		if unpadded {
			i++
		}
		layout, ok := layouts[format[i]]
		if !ok {
			return value.Undefined(), fmt.Errorf("strftime_now: %%%c is not supported", format[i])
		}
		text := layout
		if layout != "%" {
			text = c.now.Format(layout)
		}
		for unpadded && 1 < len(text) && len(text) < 4 && text[0] == '0' { // 09 or 066, not a date
			text = text[1:]
		}
		b.WriteString(text)
	}
	return value.FromString(b.String()), nil
}

// layouts gives for each sign of strftime what package time writes for it.
var layouts = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM",
	'B': "January", 'b': "Jan", 'h': "Jan", 'A': "Monday", 'a': "Mon", 'Z': "MST", 'z': "-0700", 'j': "002",
	'F': "2006-01-02", 'T': "15:04:05", 'D': "01/02/06", 'R': "15:04", '%': "%",
}

// Formats: the named forms of strings, as patterns. Some are narrower than their standards (no 29th of February, no
// quoted mailbox names), none is wider.

package grammar

import (
	"maps"
	"math/big"
	"slices"
	"strings"
)

const (
	dateForm  = `[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))`
	timeForm  = `([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])`
	labelForm = `[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?`
	hostForm  = labelForm + `(\.` + labelForm + `){0,3}`
	byteForm  = `(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])`
	ipv4Form  = byteForm + `(\.` + byteForm + `){3}`
	groupForm = `[0-9A-Fa-f]{1,4}`
	uriForm   = `https?://` + hostForm + `(:[1-9][0-9]{0,3})?(/[A-Za-z0-9._~-]*)*(\?[A-Za-z0-9._~=&-]*)?(#[A-Za-z0-9._~-]*)?`
)

// formats of strings.
var formats = map[string]string{
	"date":      dateForm,
	"time":      timeForm,
	"date-time": dateForm + `T` + timeForm,
	"duration":  `P([0-9]{1,6}W|[0-9]{1,6}D(T[0-9]{1,6}H([0-9]{1,6}M([0-9]{1,6}S)?)?)?|T([0-9]{1,6}H([0-9]{1,6}M([0-9]{1,6}S)?)?|[0-9]{1,6}M([0-9]{1,6}S)?|[0-9]{1,6}S))`,
	"email":     `[A-Za-z0-9_+-]{1,30}(\.[A-Za-z0-9_+-]{1,30})?@` + labelForm + `(\.` + labelForm + `){1,3}`,
	"hostname":  hostForm,
	"ipv4":      ipv4Form,
	"ipv6":      groupForm + `(:` + groupForm + `){7}|(` + groupForm + `(:` + groupForm + `){0,2})?::(` + groupForm + `(:` + groupForm + `){0,3})?`,
	"uuid":      `[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`,
	"uri":       uriForm,
}

// loose are formats that say nothing about which values fit.
var loose = []string{"float", "double", "decimal", "password", "binary"}

func (s *schema) readFormat(value *document) error {
	name := value.text
	switch form, ok := formats[name]; {
	case value.kind != '"':
		return wants(s, "format", "a string")
	case ok:
		s.hints |= str
		s.patterns = append(s.patterns, "^("+form+")$")
	case name == "int32" || name == "int64": // of OpenAPI
		s.hints |= integer
		end := new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), map[string]uint{"int32": 31, "int64": 63}[name]))
		s.low = append(s.low, bound{new(big.Rat).Neg(end), false})
		s.high = append(s.high, bound{end, true})
	case !slices.Contains(loose, name):
		return problem(s.path, "format %q is not supported; supported are %s", name, strings.Join(slices.Sorted(maps.Keys(formats)), ", "))
	}
	return nil
}

// Walking a protobuf message, as far as SentencePiece's files need it.

package token

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// eachField calls visit for every field of a message: value holds a number (varint or fixed), data a string, bytes
// or message.
func eachField(message []byte, visit func(field protowire.Number, value uint64, data []byte) error) error {
	for len(message) > 0 {
		field, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		var value uint64
		var data []byte
		switch kind {
		case protowire.VarintType:
			value, n = protowire.ConsumeVarint(message)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(message)
			value = uint64(v)
		case protowire.Fixed64Type:
			value, n = protowire.ConsumeFixed64(message)
		case protowire.BytesType:
			data, n = protowire.ConsumeBytes(message)
		default:
			n = protowire.ConsumeFieldValue(field, kind, message)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		if err := visit(field, value, data); err != nil {
			return err
		}
	}
	return nil
}

func float32Of(value uint64) float64 { return float64(math.Float32frombits(uint32(value))) }

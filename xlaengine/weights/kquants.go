// ggml's "K" formats: blocks of 256 numbers in groups of 16 or 32, each group with a small integer scale (and in
// some a minimum) that the block's own half-precision scale multiplies.

package weights

// decodeQ2K: 16 bytes of group scale (low half) and minimum (high), 64 bytes of 2-bit numbers, scale of the scales,
// scale of the minimums. Bits 2j, 2j+1 of 32 bytes are the numbers of groups 2j and 2j+1, for each half block.
func decodeQ2K(dst []float32, src []byte) {
	for ; len(dst) >= 256; dst, src = dst[256:], src[84:] {
		d, dmin := half(src[80:]), half(src[82:])
		for group := range 16 {
			scale := d * float32(src[group]&15)
			low := dmin * float32(src[group]>>4)
			q := src[16+group/8*32+group%2*16:]
			shift := group % 8 / 2 * 2
			for i := range 16 {
				dst[group*16+i] = float32(scale*float32(q[i]>>shift&3)) - low
			}
		}
	}
}

// decodeQ3K: 32 bytes of third bits, 64 of the two lower bits (laid out as in Q2_K), 12 of 6-bit scales plus 32,
// the block's scale. A third bit that is 0 means 4 less.
func decodeQ3K(dst []float32, src []byte) {
	for ; len(dst) >= 256; dst, src = dst[256:], src[110:] {
		d := half(src[108:])
		for group := range 16 {
			// Low four bits of scale g: halves of bytes 0-7; high two: bytes 8-11, four scales a byte.
			low := src[96+group%8] >> (group / 8 * 4) & 15
			high := src[104+group%4] >> (group / 4 * 2) & 3
			scale := d * float32(int32(low|high<<4)-32)
			third, q := src[group%2*16:], src[32+group/8*32+group%2*16:]
			shift, bit := group%8/2*2, group/2
			for i := range 16 {
				v := int32(q[i]>>shift&3) - 4 + int32(third[i]>>bit&1)*4
				dst[group*16+i] = scale * float32(v)
			}
		}
	}
}

// decodeQ4K: scale of the scales, scale of the minimums, 12 bytes of both for 8 groups of 32, 128 bytes of halves:
// the low halves of 32 bytes are one group, the high ones the next.
func decodeQ4K(dst []float32, src []byte) {
	for ; len(dst) >= 256; dst, src = dst[256:], src[144:] {
		d, dmin := half(src), half(src[2:])
		for group := range 8 {
			s, m := scaleAndMin(src[4:16], group)
			scale, low := d*float32(s), dmin*float32(m)
			q, shift, out := src[16+group/2*32:][:32], group%2*4, dst[group*32:][:32]
			for i := range out {
				out[i] = float32(scale*float32(int32(q[i]>>shift&15))) - low
			}
		}
	}
}

// decodeQ5K: as Q4_K, with 32 bytes of fifth bits, one bit a group, before the halves.
func decodeQ5K(dst []float32, src []byte) {
	for ; len(dst) >= 256; dst, src = dst[256:], src[176:] {
		d, dmin := half(src), half(src[2:])
		fifth := src[16:48]
		for group := range 8 {
			s, m := scaleAndMin(src[4:16], group)
			scale, low := d*float32(s), dmin*float32(m)
			q, shift, out := src[48+group/2*32:][:32], group%2*4, dst[group*32:][:32]
			for i := range out {
				v := int32(q[i]>>shift&15 | fifth[i]>>group&1<<4)
				out[i] = float32(scale*float32(v)) - low
			}
		}
	}
}

// scaleAndMin unpacks the 6-bit scale and minimum of a group: the first four of each are the low bits of bytes
// 0-3 and 4-7; the last four have their low halves in bytes 8-11 and their high bits above the first four.
func scaleAndMin(packed []byte, group int) (scale, low byte) {
	if group < 4 {
		return packed[group] & 63, packed[group+4] & 63
	}
	return packed[group+4]&15 | packed[group-4]>>6<<4, packed[group+4]>>4 | packed[group]>>6<<4
}

// decodeQ6K: 128 bytes of low halves, 64 of the two upper bits, 16 signed group scales, the block's scale; 32 is
// added to each number. In each half block a byte of upper bits serves four numbers 32 apart.
func decodeQ6K(dst []float32, src []byte) {
	for ; len(dst) >= 256; dst, src = dst[256:], src[210:] {
		d := half(src[208:])
		for group := range 16 {
			scale := d * float32(int8(src[192+group]))
			part, quarter, sixteen := group/8, group%8/2, group%2*16
			q := src[part*64+quarter%2*32+sixteen:][:16]
			upper := src[128+part*32+sixteen:][:16]
			out := dst[group*16:][:16]
			for i := range out {
				v := q[i]>>(quarter/2*4)&15 | upper[i]>>(quarter*2)&3<<4
				out[i] = scale * float32(int32(v)-32)
			}
		}
	}
}

// Models in GGUF files. go-huggingface parses the header; this file first makes sure that what the header
// announces fits in the file, since the parser allocates by the numbers it reads, and afterwards that every
// tensor lies inside the file. It also translates names.

package weights

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/gomlx/go-huggingface/models/gguf"
	"github.com/latentchain/latentchain/xlaengine/config"
)

func (m *Model) openGGUF() ([]tensor, error) {
	f, size, err := m.openFile(m.path)
	if err != nil {
		return nil, err
	}
	if m.file, err = parseGGUF(f, size, m.path); err != nil {
		return nil, err
	}
	if m.Config, err = config.FromGGUF(m.file); err != nil {
		return nil, err
	}
	var found []tensor
	for _, info := range m.file.TensorInfos {
		t, err := ggufTensor(info, size-m.file.DataOffset())
		if err != nil {
			return nil, fmt.Errorf("tensor %s: %w", info.Name, err)
		}
		t.file = f
		t.offset += m.file.DataOffset()
		if m.Config.Interleaved() && rotated.MatchString(t.canonical) {
			t.headDim = m.Config.HeadDim
		}
		found = append(found, t)
	}
	return found, nil
}

// rotated tensors are those whose rows the converter of llama models reorders.
var rotated = regexp.MustCompile(`self_attn\.[qk]_proj\.(weight|bias)$`)

// parseGGUF never panics: what the checks here do not catch is caught as a panic of the parser.
func parseGGUF(f io.ReaderAt, size int64, path string) (file *gguf.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("gguf header: %v", r)
		}
	}()
	if err := checkGGUF(io.NewSectionReader(f, 0, size), size); err != nil {
		return nil, fmt.Errorf("gguf header: %w", err)
	}
	if file, err = gguf.Open(path); err != nil {
		return nil, err
	}
	if a := file.Alignment; a > 1<<20 || a&(a-1) != 0 {
		return nil, fmt.Errorf("gguf header: %s is %d, want a power of two up to %d", gguf.KeyGeneralAlignment, a, 1<<20)
	}
	if file.DataOffset() > size {
		return nil, fmt.Errorf("gguf header: tensors begin at byte %d, but the file has %d; it is truncated", file.DataOffset(), size)
	}
	return file, nil
}

func ggufTensor(info gguf.TensorInfo, dataSize int64) (tensor, error) {
	shape := make([]int64, len(info.Shape))
	for i, d := range info.Shape { // innermost first in the file
		shape[len(shape)-1-i] = int64(min(d, math.MaxInt64))
	}
	t := tensor{name: info.Name, canonical: fromGGUF(info.Name), format: ggmlFormats[info.Type]}
	if t.decode == nil {
		t.format = format{name: info.Type.String(), block: 1}
	}
	var err error
	if t.shape, err = checkShape(shape); err != nil {
		return t, err
	}
	if len(t.shape) == 0 || t.shape[len(t.shape)-1]%t.block != 0 {
		return t, fmt.Errorf("shape %v in %s, want rows of a multiple of %d", t.shape, t.format.name, t.block)
	}
	if info.Offset > uint64(dataSize) || t.bytes() > dataSize-int64(info.Offset) {
		return t, fmt.Errorf("%d bytes from byte %d on, but the file has %d; it is truncated or damaged", t.bytes(), info.Offset, dataSize)
	}
	t.offset = int64(info.Offset)
	return t, nil
}

// checkGGUF walks the header without keeping anything of it.
func checkGGUF(r io.Reader, size int64) error {
	w := walker{r: bufio.NewReaderSize(r, 64<<10), left: size}
	if magic := string(w.bytes(4)); w.err == nil && magic != "GGUF" {
		return fmt.Errorf("the file begins with %q, want \"GGUF\"", magic)
	}
	if version := w.uint32(); w.err == nil && version != 2 && version != 3 {
		return fmt.Errorf("version %d is not supported; supported are 2 and 3, little-endian", version)
	}
	tensors, pairs := w.count(24), w.count(12)
	for range pairs {
		w.skip(w.count(1)) // key
		w.value(w.uint32())
		if w.err != nil {
			return w.err
		}
	}
	for range tensors {
		w.skip(w.count(1))
		w.skip(8 * int64(w.uint32()))
		w.skip(4 + 8) // type, offset
		if w.err != nil {
			return w.err
		}
	}
	return w.err
}

type walker struct {
	r    *bufio.Reader
	left int64 // bytes to the end of the file
	err  error
}

// ggufSizes are the bytes of a value by its type number; 8 is a string, 9 a list.
var ggufSizes = []int64{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8}

func (w *walker) value(kind uint32) {
	switch {
	case w.err != nil:
	case kind == 8:
		w.skip(w.count(1))
	case kind == 9:
		of := w.uint32()
		switch {
		case w.err != nil:
		case of == 8:
			for n := w.count(8); n > 0 && w.err == nil; n-- {
				w.skip(w.count(1))
			}
		case of < uint32(len(ggufSizes)) && of != 9:
			w.skip(w.count(ggufSizes[of]) * ggufSizes[of])
		default:
			w.err = fmt.Errorf("a list of values of type %d", of)
		}
	case kind < uint32(len(ggufSizes)):
		w.skip(ggufSizes[kind])
	default:
		w.err = fmt.Errorf("a value of type %d", kind)
	}
}

// count reads how many things of at least size bytes follow.
func (w *walker) count(size int64) int64 {
	b := w.bytes(8)
	if w.err != nil {
		return 0
	}
	n := binary.LittleEndian.Uint64(b)
	if n > uint64(w.left/size) {
		w.err = errTruncated
		return 0
	}
	return int64(n)
}

var errTruncated = errors.New("it goes on after the end of the file, which is truncated or damaged")

func (w *walker) uint32() uint32 {
	if b := w.bytes(4); w.err == nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// bytes is for a few bytes that are looked at before the next call.
func (w *walker) bytes(n int) []byte {
	if w.err != nil {
		return nil
	}
	b, err := w.r.Peek(n)
	if err != nil {
		w.err = errTruncated
		return nil
	}
	w.skip(int64(n))
	return b
}

func (w *walker) skip(n int64) {
	if w.err == nil && n > w.left {
		w.err = errTruncated
	}
	if w.err != nil {
		return
	}
	w.left -= n
	if _, err := w.r.Discard(int(n)); err != nil {
		w.err = errTruncated
	}
}

const ropeFreqs = "rope_freqs.weight"

// inGGUF pairs names outside layers and inside them, Hugging Face's first, without .weight or .bias.
var inGGUF = [][2]string{
	{"model.embed_tokens", "token_embd"},
	{"model.norm", "output_norm"},
	{"lm_head", "output"},
	{"input_layernorm", "attn_norm"},
	{"self_attn.q_proj", "attn_q"},
	{"self_attn.k_proj", "attn_k"},
	{"self_attn.v_proj", "attn_v"},
	{"self_attn.o_proj", "attn_output"},
	{"self_attn.q_norm", "attn_q_norm"},
	{"self_attn.k_norm", "attn_k_norm"},
	{"post_attention_layernorm", "ffn_norm"},
	{"mlp.gate_proj", "ffn_gate"},
	{"mlp.up_proj", "ffn_up"},
	{"mlp.down_proj", "ffn_down"},
}

// fromGGUF returns the name transformers gives to a tensor of a GGUF file, or the same name if it has none.
func fromGGUF(name string) string { return rename(name, "blk.", "model.layers.", 1, 0) }

// nameInFile returns what the file would call a tensor.
func (m *Model) nameInFile(canonical string) string {
	if m.file == nil {
		return canonical
	}
	return rename(canonical, "model.layers.", "blk.", 0, 1)
}

func rename(name, layers, layersTo string, from, to int) string {
	prefix, rest := "", name
	if in, ok := strings.CutPrefix(name, layers); ok {
		number, after, ok := strings.Cut(in, ".")
		if !ok {
			return name
		}
		prefix, rest = layersTo+number+".", after
	}
	dot := strings.LastIndexByte(rest, '.')
	if dot < 0 {
		return name
	}
	i := slices.IndexFunc(inGGUF, func(pair [2]string) bool { return pair[from] == rest[:dot] })
	if i < 0 {
		return name
	}
	return prefix + inGGUF[i][to] + rest[dot:]
}

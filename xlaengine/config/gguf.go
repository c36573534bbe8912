// Configurations as GGUF metadata states them. A GGUF leaves some switches to its tensors: biases and tied
// embeddings are read off which tensors there are, and llama3 scaling is a tensor of factors.

package config

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"slices"

	"github.com/gomlx/go-huggingface/models/gguf"
)

// FromGGUF reads the configuration of a parsed GGUF file. Errors name the metadata key.
func FromGGUF(f *gguf.File) (Config, error) {
	arch := f.Architecture()
	if arch == "" {
		return Config{}, fmt.Errorf("metadata %s is missing", gguf.KeyGeneralArchitecture)
	}
	fam, ok := families[arch]
	if !ok || !fam.gguf {
		return Config{}, unknownFamily(arch)
	}
	m := metadata{file: f, arch: arch + "."}
	heads := m.int("attention.head_count", -1)
	c := Config{
		Architecture: arch,
		Dim:          m.int("embedding_length", -1),
		Layers:       m.int("block_count", -1),
		Heads:        heads,
		KVHeads:      m.int("attention.head_count_kv", heads),
		FFN:          m.int("feed_forward_length", -1),
		Context:      m.int("context_length", -1),
		NormEps:      m.float("attention.layer_norm_rms_epsilon", -1),
		RopeTheta:    m.float("rope.freq_base", 10000),
		QKNorm:       fam.qkNorm,
		BOS:          m.token("tokenizer.ggml.bos_token_id"),
	}
	if window := m.int("attention.sliding_window", 0); window > 0 {
		c.SlidingWindow = window
	}
	if m.err == nil && c.Heads > 0 {
		c.HeadDim = m.int("attention.key_length", c.Dim/c.Heads)
	}
	for _, key := range []string{"attention.value_length", "rope.dimension_count"} {
		if v := m.int(key, c.HeadDim); m.err == nil && v != c.HeadDim {
			m.err = fmt.Errorf("metadata %s%s is %d, want the head width %d", m.arch, key, v, c.HeadDim)
		}
	}
	for _, key := range []string{"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"} {
		if id := m.token(key); id >= 0 && !slices.Contains(c.EOS, id) {
			c.EOS = append(c.EOS, id)
		}
	}
	m.scaling(&c)
	if m.err != nil {
		return Config{}, m.err
	}

	has := func(name string) bool { return tensor(f, name) != nil }
	c.Tied = !has("output.weight")
	c.QKVBias = fam.qkvBias || has("blk.0.attn_q.bias")
	c.OutBias = has("blk.0.attn_output.bias")
	c.MLPBias = has("blk.0.ffn_gate.bias")
	embed := tensor(f, "token_embd.weight")
	if embed == nil || len(embed.Shape) != 2 || embed.Shape[1] > 1<<31 {
		return Config{}, fmt.Errorf("tensor token_embd.weight: missing or not a matrix")
	}
	c.Vocab = int(embed.Shape[1])
	if err := c.Check(); err != nil {
		return Config{}, fmt.Errorf("metadata: %w", err)
	}
	if err := readFactors(f, &c); err != nil {
		return Config{}, fmt.Errorf("tensor rope_freqs.weight: %w", err)
	}
	return c, c.Check()
}

// tensor does not use f.GetTensorInfo: that finds the wrong tensor in files whose tensors are not in the order of
// their offsets (go-huggingface v0.4.0 sorts the list after it has taken pointers into it).
func tensor(f *gguf.File, name string) *gguf.TensorInfo {
	for i := range f.TensorInfos {
		if f.TensorInfos[i].Name == name {
			return &f.TensorInfos[i]
		}
	}
	return nil
}

func readFactors(f *gguf.File, c *Config) error {
	info := tensor(f, "rope_freqs.weight")
	if info == nil {
		return nil
	}
	if info.Type != gguf.TensorTypeF32 || !slices.Equal(info.Shape, []uint64{uint64(c.HeadDim / 2)}) {
		return fmt.Errorf("%s %d, want F32 [%d]", info.Type, info.Shape, c.HeadDim/2)
	}
	if info.Offset > math.MaxInt64/2 {
		return fmt.Errorf("offset %d is past the end of the file", info.Offset)
	}
	file, err := os.Open(f.Path())
	if err != nil {
		return err
	}
	defer file.Close()
	raw := make([]byte, 4*(c.HeadDim/2))
	if _, err := file.ReadAt(raw, f.DataOffset()+int64(info.Offset)); err != nil {
		return fmt.Errorf("file is truncated: %w", err)
	}
	c.RopeFactors = make([]float32, c.HeadDim/2)
	_, err = binary.Decode(raw, binary.LittleEndian, c.RopeFactors)
	return err
}

// metadata reads one architecture's keys and keeps the first error.
type metadata struct {
	file *gguf.File
	arch string // with the dot
	err  error
}

// int returns the key's value; where it is absent, otherwise, or an error if that is negative.
func (m *metadata) int(key string, otherwise int) int {
	kv, ok := m.file.GetKeyValue(m.arch + key)
	if !ok {
		m.missing(key, otherwise < 0)
		return otherwise
	}
	var n int64
	switch v := kv.Raw().(type) {
	case uint8, int8, uint16, int16, uint32, int32, uint64, int64:
		n = kv.Int64()
	case []int32: // some converters write one value a layer
		n = m.same(key, kv.Int64s())
	case []uint32:
		n = m.same(key, kv.Int64s())
	default:
		m.fail("metadata %s%s is a %T, want a whole number", m.arch, key, v)
	}
	if n < 0 || n > math.MaxInt32 {
		m.fail("metadata %s%s is %d, want 0 to %d", m.arch, key, n, math.MaxInt32)
		return 0
	}
	return int(n)
}

func (m *metadata) same(key string, list []int64) int64 {
	for _, n := range list {
		if n != list[0] {
			m.fail("metadata %s%s differs from layer to layer, which is not supported", m.arch, key)
		}
	}
	if len(list) == 0 {
		m.fail("metadata %s%s is an empty list", m.arch, key)
		return 0
	}
	return list[0]
}

func (m *metadata) float(key string, otherwise float64) float64 {
	kv, ok := m.file.GetKeyValue(m.arch + key)
	if !ok {
		m.missing(key, otherwise < 0)
		return otherwise
	}
	switch v := kv.Raw().(type) {
	case float32, float64:
	default:
		m.fail("metadata %s%s is a %T, want a number", m.arch, key, v)
	}
	return kv.Float64()
}

// token returns a token id, or -1 where the key is absent or out of any vocabulary's range.
func (m *metadata) token(key string) int {
	kv, ok := m.file.GetKeyValue(key)
	if !ok || kv.Int64() < 0 || kv.Int64() > math.MaxInt32 {
		return -1
	}
	return int(kv.Int64())
}

func (m *metadata) scaling(c *Config) {
	kind := "none"
	if kv, ok := m.file.GetKeyValue(m.arch + "rope.scaling.type"); ok {
		kind = kv.String()
	}
	switch kind {
	case "none":
	case "linear":
		c.RopeScaling = &RopeScaling{Type: kind, Factor: m.float("rope.scaling.factor", -1)}
	default:
		m.fail("metadata %srope.scaling.type %q is not supported; supported are none, linear", m.arch, kind)
	}
}

func (m *metadata) missing(key string, required bool) {
	if required {
		m.fail("metadata %s%s is missing", m.arch, key)
	}
}

func (m *metadata) fail(format string, args ...any) {
	if m.err == nil {
		m.err = fmt.Errorf(format, args...)
	}
}

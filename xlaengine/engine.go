// Package xlaengine runs causal language models of the Llama family on GoMLX/XLA for agents that hand each other their
// working memory: prompts are taken in over a memory (Think, Generate), agents think in latent steps, the last one
// answers in text. It owns the decoder, the memories and the shapes; prompts, roles and handles are for others.
package xlaengine

// Engine is a model on a device. This file opens and closes it; what it does is in think.go and generate.go.

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"

	"github.com/latentchain/latentchain/align"
	"github.com/latentchain/latentchain/xlaengine/backend"
	"github.com/latentchain/latentchain/xlaengine/chat"
	"github.com/latentchain/latentchain/xlaengine/compiled"
	"github.com/latentchain/latentchain/xlaengine/config"
	"github.com/latentchain/latentchain/xlaengine/grammar"
	"github.com/latentchain/latentchain/xlaengine/hub"
	"github.com/latentchain/latentchain/xlaengine/kernels"
	"github.com/latentchain/latentchain/xlaengine/token"
	"github.com/latentchain/latentchain/xlaengine/weights"
	"github.com/latentchain/latentchain/xlaengine/wheel"
)

// DefaultModel is opened for the empty name.
const DefaultModel = hub.DefaultModel

// Engine is safe for parallel use: calls from all goroutines share its passes (scheduler.go).
type Engine struct {
	info      Info
	dev       *device
	dec       decoder
	params    *params
	mapping   []byte // what params lie in, if they are mapped
	tokenizer *token.Tokenizer
	templates *chat.Set
	ends      []int
	digest    string
	invFreq   []float32

	blockLayers int // layers in one program
	chunk       int // prompt tokens of a row in one pass, at most

	sched  *scheduler // its goroutine uses the device
	closed atomic.Bool

	vocabularyOnce sync.Once
	vocabulary     *grammar.Vocabulary
	vocabularyErr  error

	roots atomic.Uint32 // of memories that came from files, see chain.go

	alignLock sync.Mutex
	alignment *align.Alignment
	wa, mean  compute.Buffer
	opts      options
}

// Info says what an engine runs on.
type Info struct {
	Model   hub.Found
	Backend backend.Found
	Digest  string // of the weights
	DType   string
	Kernels string        // the variant of package kernels that computes; "" where XLA does all of it
	Load    time.Duration // finding and opening everything, without compiling
}

// Open opens the model called name: "" for DefaultModel, a built-in name, a Hugging Face id, a folder or a .gguf
// file. What is needed and not there is fetched into the user's cache folder. Close the engine when done.
func Open(ctx context.Context, name string, opts ...Option) (*Engine, error) {
	o := defaults()
	for _, opt := range opts {
		opt(&o)
	}
	if name == "" {
		name = DefaultModel
	}
	return open(ctx, name, o)
}

func open(ctx context.Context, name string, o options) (_ *Engine, err error) {
	start := time.Now()
	if !(o.lambda > 0) {
		return nil, fmt.Errorf("lambda is %g, must be positive", o.lambda)
	}
	if !slices.Contains(chunkBuckets, o.chunk) {
		return nil, fmt.Errorf("chunk is %d, want one of %v", o.chunk, chunkBuckets)
	}
	if o.budget <= 0 || o.prefixes < 0 {
		return nil, fmt.Errorf("a memory budget of %d bytes, %d of them for prefixes; want more than 0, and 0 or more", o.budget, o.prefixes)
	}
	if o.cacheDir == "" {
		if o.cacheDir, err = wheel.CacheDir(); err != nil {
			return nil, err
		}
	}
	e := &Engine{opts: o, chunk: o.chunk, blockLayers: layersPerProgram}
	if e.info.Model, err = hub.Find(ctx, name, hub.Options{CacheDir: o.cacheDir, Offline: o.offline, Progress: o.progress}); err != nil {
		return nil, err
	}
	model, err := weights.Open(e.info.Model.Path)
	if err != nil {
		return nil, err
	}
	defer model.Close()
	if err := e.openText(model); err != nil {
		return nil, err
	}
	if e.info.Backend, err = backend.Find(ctx, backend.Options{Plugin: o.plugin, CacheDir: o.cacheDir, Offline: o.offline, Progress: o.progress}); err != nil {
		return nil, err
	}
	if w := e.info.Backend.Warning; w != "" {
		o.warning(w)
	}
	b, err := backend.Open(e.info.Backend)
	if err != nil {
		return nil, err
	}
	e.keepPrograms()
	dtype := o.dtype(e.info.Backend.Kind)
	if dtype == dtypes.BFloat16 && e.info.Backend.Kind == backend.PureGo {
		b.Finalize()
		return nil, errors.New("the pure-Go backend has no bfloat16; leave out WithBFloat16 or use an XLA plugin")
	}
	e.dev = newDevice(b, dtype)
	e.dec = decoder{Config: model.Config, dtype: dtype}
	if e.info.Backend.Kind == backend.XLACPU {
		e.dec.cores = runtime.GOMAXPROCS(0)
		if e.dec.kernels = e.useKernels(); e.dec.kernels {
			e.info.Kernels = kernels.Variant()
		}
	}
	if err := e.load(ctx, model); err != nil {
		e.dev.close()
		return nil, err
	}
	backend.ReleaseUnused()
	e.sched = newScheduler(e)
	e.info.DType = dtype.String()
	e.info.Load = time.Since(start)
	return e, nil
}

// keepPrograms keeps compiled programs on disk for the next time, where that is possible.
func (e *Engine) keepPrograms() {
	if e.info.Backend.Path == "" {
		return
	}
	const limit = 512 << 20
	_, err := compiled.Keep(e.info.Backend.Path, filepath.Join(e.opts.cacheDir, "programs"), limit)
	if err != nil && !errors.Is(err, compiled.ErrUnsupported) {
		e.opts.warning(fmt.Sprintf("compiled programs are not kept: %v", err))
	}
}

// useKernels has the CPU's programs run package kernels where that is possible, and says whether it is.
func (e *Engine) useKernels() bool {
	if !e.opts.kernels || !e.dev.isFloat32() {
		return false
	}
	err := kernels.Use(e.info.Backend.Path, 0)
	switch {
	case err == nil:
		return true
	case !errors.Is(err, kernels.ErrUnsupported):
		e.opts.warning(fmt.Sprintf("decoding is slower than it could be: %v", err))
	case kernels.Variant() != "": // it is the plugin
		e.opts.warning(fmt.Sprintf("decoding is slower than it could be: %v; a newer plugin than %s can do it: give one with "+
			"GOMLX_BACKEND=xla:/path/plugin.so, or remove that one and run latentchain install", err, e.info.Backend.Path))
	}
	return false
}

// openText opens tokenizer and chat templates.
func (e *Engine) openText(m *weights.Model) (err error) {
	if file := m.GGUF(); file != nil {
		if e.tokenizer, err = token.FromGGUF(file); err != nil {
			return err
		}
		e.templates, err = chat.FromGGUF(file)
	} else {
		if e.tokenizer, err = token.Open(m.Path()); err != nil {
			return err
		}
		e.templates, err = chat.Open(m.Path())
	}
	if err != nil && e.opts.chatML {
		var plain *chat.Template
		plain, err = chat.Parse(chat.ChatML)
		e.templates = &chat.Set{Default: plain}
	}
	if err != nil {
		return err
	}
	if n := e.tokenizer.Size(); n > m.Config.Vocab {
		return fmt.Errorf("the tokenizer has %d tokens, the model's vocabulary only %d", n, m.Config.Vocab)
	}
	e.ends = append(e.tokenizer.EOS(), m.Config.EOS...)
	return nil
}

// load brings the weights to the device and their digest.
func (e *Engine) load(ctx context.Context, m *weights.Model) (err error) {
	for _, f := range e.dec.InvFreq() {
		e.invFreq = append(e.invFreq, float32(f))
	}
	if e.digest, err = m.Digest(ctx); err != nil {
		return err
	}
	e.info.Digest = e.digest
	read := func() (*params, error) {
		return loadParams(ctx, e.dev, e.dec, m, func(done, total int64) { e.opts.progress.Report("load weights", done, total) })
	}
	if e.opts.keep && e.dev.inPlace() && e.info.Backend.Kind == backend.XLACPU {
		e.params, err = e.loadKept(ctx, read)
	} else {
		e.params, err = read()
	}
	return err
}

// align makes sure that the alignment is on the device, from the cache folder or solved now.
func (e *Engine) align() error {
	e.alignLock.Lock()
	defer e.alignLock.Unlock()
	if e.alignment != nil {
		return nil
	}
	win, err := e.table(e.params.win)
	if err != nil {
		return err
	}
	a, err := e.solve(win)
	if err != nil {
		return err
	}
	wa, err := e.dev.upload(transposed(a.Wa, e.dec.Dim), e.dec.Dim, e.dec.Dim) // [out, in] as all weights
	if err != nil {
		return err
	}
	mean, err := e.dev.upload([]float32{float32(a.MeanNorm)}, 1)
	if err != nil {
		e.dev.release(wa)
		return err
	}
	e.alignment, e.wa, e.mean = a, wa, mean
	return nil
}

func transposed(square []float32, dim int) []float32 {
	turned := make([]float32, len(square))
	for i := range dim {
		for j := range dim {
			turned[j*dim+i] = square[i*dim+j]
		}
	}
	return turned
}

func (e *Engine) solve(win align.Matrix) (*align.Alignment, error) {
	if !e.opts.aligned {
		return align.Identity(win)
	}
	dir := filepath.Join(e.opts.cacheDir, "align")
	a, err := align.Cached(dir, e.digest, e.opts.lambda, func() (*align.Alignment, error) {
		e.opts.progress.Report("solve alignment", 0, 1)
		defer e.opts.progress.Report("solve alignment", 1, 1)
		wout := win
		if !e.dec.Tied {
			var err error
			if wout, err = e.table(e.params.wout); err != nil {
				return nil, err
			}
		}
		return align.Solve(win, wout, e.opts.lambda)
	})
	if errors.Is(err, align.ErrNotKept) {
		e.opts.warning(err.Error())
		err = nil
	}
	return a, err
}

// table returns an embedding table [vocab, dim] on the host.
func (e *Engine) table(buf compute.Buffer) (align.Matrix, error) {
	data, err := e.dev.floats(buf)
	return align.Matrix{Rows: e.dec.Vocab, Cols: e.dec.Dim, Data: data}, err
}

// Alignment returns the alignment that linear thoughts use, solving it if that was not done before.
func (e *Engine) Alignment() (*align.Alignment, error) {
	if e.closed.Load() {
		return nil, fmt.Errorf("alignment: engine %w", ErrClosed)
	}
	if err := e.align(); err != nil {
		return nil, fmt.Errorf("alignment: %w", err)
	}
	return e.alignment, nil
}

// Info returns what the engine runs on.
func (e *Engine) Info() Info { return e.info }

// Config returns the model's configuration.
func (e *Engine) Config() config.Config { return e.dec.Config }

// Tokenizer returns the model's tokenizer.
func (e *Engine) Tokenizer() *token.Tokenizer { return e.tokenizer }

// Prompt renders a conversation with the model's chat template, ready for the assistant's turn, and returns the text
// and its token ids.
func (e *Engine) Prompt(in chat.Input) (text string, ids []int, err error) {
	in.AddGenerationPrompt = true
	if id, ok := e.tokenizer.BOS(); ok && in.BOS == "" {
		in.BOS, _ = e.tokenizer.Text(id)
	}
	if eos := e.tokenizer.EOS(); len(eos) > 0 && in.EOS == "" {
		in.EOS, _ = e.tokenizer.Text(eos[0])
	}
	if text, err = e.templates.For(len(in.Tools) > 0).Render(in); err != nil {
		return "", nil, fmt.Errorf("render prompt: %w", err)
	}
	if ids, err = e.tokenizer.Encode(text); err != nil {
		return "", nil, fmt.Errorf("tokenize prompt: %w", err)
	}
	return text, ids, nil
}

// CompileTime returns the time spent compiling programs so far, summed over programs compiled side by side.
func (e *Engine) CompileTime() time.Duration { return time.Duration(e.dev.compiled.Load()) }

// Close waits for what is running, turns away what is waiting and frees the device. Memories can be closed after it but
// not used.
func (e *Engine) Close() error {
	if e.closed.Swap(true) {
		return nil
	}
	e.sched.close()
	e.alignLock.Lock()
	defer e.alignLock.Unlock()
	e.dev.release(e.wa, e.mean)
	e.params.release(e.dev)
	e.dev.close()
	unmapFile(e.mapping)
	return nil
}

package xlaengine

// Options of Open.

import (
	"github.com/gomlx/compute/dtypes"

	"github.com/latentchain/latentchain/xlaengine/backend"
	"github.com/latentchain/latentchain/xlaengine/pack"
	"github.com/latentchain/latentchain/xlaengine/wheel"
)

// Option changes how an engine is opened.
type Option func(*options)

type options struct {
	plugin   string
	cacheDir string
	offline  bool
	lambda   float64
	aligned  bool
	chatML   bool
	half     *bool
	chunk    int
	budget   int64
	prefixes int64
	drafts   bool
	kernels  bool
	keep     bool
	idle     *pack.Format
	progress wheel.Progress
	warn     func(string)
}

func defaults() options {
	return options{lambda: DefaultLambda, aligned: true, chunk: maxChunk, budget: 4 << 30, prefixes: 256 << 20, drafts: true, kernels: true}
}

// DefaultLambda is the ridge of the alignment's solve (arXiv 2511.20639).
const DefaultLambda = 1e-5

// WithPlugin chooses the device: "cpu", "cuda", "go" (GoMLX's pure-Go backend) or the path of a PJRT plugin. The default
// is GOMLX_BACKEND, else the best one installed, else one fetched on first use.
func WithPlugin(plugin string) Option { return func(o *options) { o.plugin = plugin } }

// WithCacheDir sets the folder for what is fetched and solved once, instead of latentchain in the user's cache folder.
func WithCacheDir(dir string) Option { return func(o *options) { o.cacheDir = dir } }

// Offline forbids any fetching.
func Offline() Option { return func(o *options) { o.offline = true } }

// WithLambda sets the ridge of the alignment's solve.
func WithLambda(lambda float64) Option { return func(o *options) { o.lambda = lambda } }

// WithoutAlignment feeds hidden states back as they are, but for their norm (Wa = I).
func WithoutAlignment() Option { return func(o *options) { o.aligned = false } }

// WithChatML renders prompts in ChatML if the model has no chat template or one that can't be run.
func WithChatML() Option { return func(o *options) { o.chatML = true } }

// WithBFloat16 sets whether weights, activations and memories are bfloat16 rather than float32. The default is
// float32 on CPU, where bfloat16 is slower, and bfloat16 on a GPU.
func WithBFloat16(on bool) Option { return func(o *options) { o.half = &on } }

// WithChunk sets how many prompt tokens are taken in at once at most (default 256; 1, 16, 32, 64, 128 or 256 are the sizes there are).
func WithChunk(tokens int) Option { return func(o *options) { o.chunk = tokens } }

// WithMemoryBudget sets how many bytes the keys and values of all memories may take together (default 4 GiB). Calls
// that need more wait until others have finished or memories are closed, and get ErrBudget if that does not come.
func WithMemoryBudget(bytes int64) Option { return func(o *options) { o.budget = bytes } }

// WithPrefixCache sets how many bytes of the budget the beginnings of finished prompts and answers may take, so that
// a prompt that begins like one of them does not compute it again (default 256 MiB); 0 switches that off.
func WithPrefixCache(bytes int64) Option { return func(o *options) { o.prefixes = bytes } }

// WithIdleMemory has memories that nothing runs over kept in fewer bits: pack.BFloat16 takes half of the memory,
// pack.Int8 three tenths, at a loss that docs/performance.md has the figures of; pack.Float32 loses nothing and gives
// up only the slots that are not used. Each run over a memory then copies it first. The default is to keep memories
// as they are.
func WithIdleMemory(format pack.Format) Option { return func(o *options) { o.idle = &format } }

// WithoutDrafts switches prompt-lookup decoding off (draft.go). It changes no answer, without kernels but for rounding,
// only how fast it comes.
func WithoutDrafts() Option { return func(o *options) { o.drafts = false } }

// WithoutKernels has XLA's own code do all of the work on a CPU (package kernels). It changes no answer but for rounding,
// only how fast it comes.
func WithoutKernels() Option { return func(o *options) { o.kernels = false } }

// WithKeptWeights has the weights, as they are in memory, kept in the cache folder and mapped from there: from the second
// start on loading takes half of the time, and the processes of a machine share one copy. That costs four bytes of disk a
// parameter, and time where the disk has to be read, as the model's own files may be a sixth of that. It is for float32
// on an XLA CPU plugin on Linux and does nothing elsewhere.
func WithKeptWeights() Option { return func(o *options) { o.keep = true } }

// WithProgress has report called, from any goroutine, while the engine gets ready: what is
// being done and how much of it, in bytes as a rule; total is 0 when not known.
func WithProgress(report func(what string, done, total int64)) Option {
	return func(o *options) { o.progress = report }
}

// WithWarnings has warn called with one-line warnings, such as that only a slow backend was found.
func WithWarnings(warn func(string)) Option { return func(o *options) { o.warn = warn } }

func (o options) dtype(kind backend.Kind) dtypes.DType {
	half := kind.Accelerator()
	if o.half != nil {
		half = *o.half
	}
	if half {
		return dtypes.BFloat16
	}
	return dtypes.Float32
}

func (o options) warning(line string) {
	if o.warn != nil {
		o.warn(line)
	}
}

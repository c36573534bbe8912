package plugin

// Options of New and of LLM.Latent. What a single call may ask is llms.CallOption; see request.go.

import (
	"github.com/tmc/langchaingo/callbacks"

	"github.com/latentchain/latentchain/xlaengine"
)

// Option changes how New makes a model.
type Option func(*options)

type options struct {
	model          string
	engine         []xlaengine.Option
	generator      Generator
	generatorGiven bool
	store          Store
	scope          string
	foreign        bool
	budget         *int64
	maxTokens      int
	callbacks      callbacks.Handler
}

// WithModel names the model to open: a built-in name, a Hugging Face id, a folder or a .gguf file.
func WithModel(name string) Option { return func(o *options) { o.model = name } }

// WithEngineOptions are for opening the engine.
func WithEngineOptions(opts ...xlaengine.Option) Option {
	return func(o *options) { o.engine = append(o.engine, opts...) }
}

// WithEngine uses an engine that is open. It may be shared and stays the caller's to close, after the model.
func WithEngine(e *xlaengine.Engine) Option {
	return func(o *options) {
		o.generatorGiven, o.generator = true, nil
		if e != nil {
			o.generator = onXLA{e}
		}
	}
}

// WithGenerator uses something else in an engine's place, such as a scripted one in tests. It stays the caller's.
func WithGenerator(g Generator) Option {
	return func(o *options) { o.generatorGiven, o.generator = true, g }
}

// DefaultMemoryBudget is how many bytes of memories a model's own store holds.
const DefaultMemoryBudget = 1 << 30

// WithMemoryBudget sets how many bytes of memories behind handles are held (default DefaultMemoryBudget). When they
// are more, those longest unused go.
func WithMemoryBudget(bytes int64) Option { return func(o *options) { o.budget = &bytes } }

// WithStore keeps memories in a store that is shared with other models; it stays the caller's to close. A handle
// works only with models of the weights that made it and, in a store of NewStore, on the engine that made it.
func WithStore(s Store) Option { return func(o *options) { o.store = s } }

// WithScope sets the scope of handles (default ""); see LLM.Scoped.
func WithScope(scope string) Option { return func(o *options) { o.scope = scope } }

// WithForeignHandles takes handles too that another process gave out, if the store has them: those from before a
// restart, or of another machine. Without it only handles resolve that this process gave out.
func WithForeignHandles() Option { return func(o *options) { o.foreign = true } }

// WithMaxTokens caps answers of calls that don't say it themselves (default xlaengine.DefaultMaxTokens).
func WithMaxTokens(n int) Option { return func(o *options) { o.maxTokens = n } }

// WithCallbacks has h told of the start, the end or the error of each call.
func WithCallbacks(h callbacks.Handler) Option { return func(o *options) { o.callbacks = h } }

// LatentOption changes how a latent model thinks.
type LatentOption func(*latent)

// WithThoughts sets how a hidden state becomes the next input (default xlaengine.Linear).
func WithThoughts(op xlaengine.Operator) LatentOption { return func(l *latent) { l.thoughts = op } }

// WithOnStep has fn called after each latent step, from 1 on, in the goroutine that asked the model.
func WithOnStep(fn func(step int)) LatentOption { return func(l *latent) { l.onStep = fn } }

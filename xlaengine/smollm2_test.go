package xlaengine

// Parity on the real model. It takes the built-in model, which the first run fetches (about 90 MB), and a minute.

import (
	"context"
	"testing"

	"github.com/latentchain/latentchain/xlaengine/hub"
)

func TestSmolLM2AgreesWithReference(t *testing.T) {
	if testing.Short() {
		t.Skip("loads a model of 135M parameters four times")
	}
	checkParity(t, "smollm2-135m", 2e-3, func(t *testing.T, opts ...Option) *Engine {
		e, err := Open(context.Background(), hub.PinnedModel, append(opts, WithPrefixCache(0))...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.Close() })
		return e
	})
}

package hub_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/latentchain/latentchain/xlaengine/hub"
)

// A folder is taken as it is. With hub.DefaultModel or "org/name" the same call fetches what is missing.
func ExampleFind() {
	dir, err := os.MkdirTemp("", "model")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte("{}"), 0o644); err != nil {
		fmt.Println(err)
		return
	}
	found, err := hub.Find(context.Background(), dir, hub.Options{})
	fmt.Println(found.Path == dir, found.Source, err)

	_, err = hub.Find(context.Background(), "./no-such-model", hub.Options{})
	fmt.Println(err)
	// Output:
	// true folder <nil>
	// model "./no-such-model": there is no such folder or file; a model can be given in three ways: a folder with config.json or a .gguf file, a Hugging Face id (org/name) with network or in its cache, or a built-in name (smollm2-135m, smollm2-135m-q4)
}

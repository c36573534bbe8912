package backend_test

import (
	"context"
	"fmt"

	"github.com/latentchain/latentchain/xlaengine/backend"
)

// Without Plugin the same call finds or fetches XLA.
func ExampleFind() {
	found, err := backend.Find(context.Background(), backend.Options{Plugin: "go"})
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := backend.Open(found)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer b.Finalize()
	_, err = backend.Check(b)
	fmt.Println(found.Kind, found.Config, err)
	// Output: go go <nil>
}

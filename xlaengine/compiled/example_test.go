package compiled_test

import (
	"fmt"

	"github.com/latentchain/latentchain/xlaengine/compiled"
)

// A program goes on whether or not its plugin's programs are kept.
func ExampleKeep() {
	stats, err := compiled.Keep("/opt/pjrt/none.so", "programs", 1<<30)
	if err != nil {
		fmt.Println("every start compiles")
		return
	}
	fmt.Println(stats().Loaded, "programs did not have to be compiled")
	// Output: every start compiles
}

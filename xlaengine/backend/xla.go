//go:build cgo && ((linux && (amd64 || arm64)) || (darwin && arm64) || (windows && amd64))

package backend

// This file is compiled where go-xla is: it registers XLA with GoMLX.

import (
	"strings"
	"sync"

	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"
)

// xlaBuilt says that XLA is compiled into this program.
const xlaBuilt = true

// noAutoInstall switches off what go-xla would fetch by itself when it is given a plugin's name and not its path.
var noAutoInstall = sync.OnceFunc(func() { xla.EnableAutoInstall(false) })

// cpuVersion is the release of the CPU plugin go-xla was tested with.
func cpuVersion() string { return pjrt.DefaultCPUVersion }

// platform is what a plugin, given by path or name, says it computes on, in lower case: "cpu", "cuda", "rocm"; "" when
// that is not to be had. The plugin stays loaded; asking the CPU's costs a millisecond.
func platform(plugin string) (name string) {
	_ = quietly(func() error {
		p, err := pjrt.GetPlugin(plugin)
		if err != nil {
			return err
		}
		client, err := p.NewClient(nil)
		if err != nil {
			return err
		}
		name = strings.ToLower(client.Platform())
		return client.Destroy()
	})
	return name
}

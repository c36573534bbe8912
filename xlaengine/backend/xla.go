//go:build cgo && ((linux && (amd64 || arm64)) || (darwin && arm64) || (windows && amd64))

package backend

// This file is compiled where go-xla is: it registers XLA with GoMLX.

import (
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

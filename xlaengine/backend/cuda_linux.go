//go:build linux && amd64

package backend

// This file is compiled where go-xla can install CUDA.

import "github.com/gomlx/go-xla/installer"

// installCUDA is go-xla's installer. It keeps finished downloads in its own cache folder.
func installCUDA(variant, dir string) error {
	return installer.CudaInstall(variant, "latest", dir, true, installer.Normal)
}

//go:build !(linux && amd64)

package backend

// This file stands in for cuda_linux.go where there is no CUDA plugin.

import "errors"

func installCUDA(string, string) error { return errors.New("there is no build for this platform") }

//go:build !(cgo && ((linux && (amd64 || arm64)) || (darwin && arm64) || (windows && amd64)))

package backend

// This file stands in for xla.go where go-xla cannot be compiled.

const xlaBuilt = false

func noAutoInstall() {}

func cpuVersion() string { return "" }

func platform(string) string { return "" }

//go:build !cgo || !linux

package backend

// trim and oneArena are for glibc.
func trim()     {}
func oneArena() {}

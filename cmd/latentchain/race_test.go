//go:build race

package main

// The race detector's pointer checks abort GoMLX's pure-Go backend (compute v0.1.2), so race builds compute on XLA.

func init() { testBackend = foundBackend }

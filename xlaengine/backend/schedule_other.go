//go:build !linux

package backend

// batchWorkers and batch are for Linux's scheduler.
func batchWorkers() {}
func batch(string)  {}

//go:build !linux

package backend

// BatchProcess and batchWorkers are for Linux's scheduler.
func BatchProcess() {}

func batchWorkers() {}

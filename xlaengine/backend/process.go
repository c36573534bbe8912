package backend

// What this package does to the process it runs in.

import "runtime/debug"

// OwnProcess tunes the whole process for programs that do little but compute, as the command line does: threads are
// scheduled as batch work (Linux), and C's allocator keeps one arena (glibc), which saves some hundred megabytes. Call
// it first thing in main. Where something is not allowed or not there nothing changes.
func OwnProcess() {
	batch("")
	oneArena()
}

// ReleaseUnused gives back to the system the memory that Go and C have freed, as after loading or compiling.
func ReleaseUnused() {
	debug.FreeOSMemory()
	trim()
}

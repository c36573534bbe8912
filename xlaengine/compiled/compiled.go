// Package compiled keeps the programs that an XLA plugin compiled in a folder and hands them out again, so that the
// next start of a program does not compile what an earlier one did. Fifteen layers of a small model compile in
// seconds and load in a tenth of that.
//
// [Keep] puts a function of its own around the plugin's compiler (package hook), which looks in the folder first, and
// after compiling asks the plugin for the program's bytes.
// A program is found again by what it was compiled from and for: its code, its options, the plugin's file and version,
// the processor, the device and XLA_FLAGS. Whatever goes wrong in between, the program is compiled as if nobody had
// looked.
//
// To load a program is to run the machine code in it. So the folder and what is in it must belong to the user or to root
// and be writable by nobody else, and what is not whole never reaches the plugin.
//
// This file is what callers see. keep_linux.go looks and keeps, folder_linux.go is the folder, entry_linux.go one file
// in it, machine_linux.go the names of machine and plugin. Where there is no Linux or no cgo, nothing is kept
// (other.go).
package compiled

import (
	"errors"
	"time"
)

// ErrUnsupported is wrapped by Keep's error where programs cannot be kept: outside Linux, without cgo, and with a
// plugin whose PJRT API this package does not know.
var ErrUnsupported = errors.New("compiled programs cannot be kept here")

// Stats counts programs since Keep.
type Stats struct {
	Loaded   int // taken from the folder
	Compiled int // compiled, because they were not there
	Refused  int // entries that were there but not used: damaged, unsafe or not understood by the plugin, which are removed, or not readable
	NotKept  int // compiled but not written

	LoadTime    time.Duration // of Loaded, summed over programs that may have been loaded side by side
	CompileTime time.Duration // of Compiled, likewise; keeping them included
	Reason      error         // of the last one Refused or NotKept
}

// Keep has the loaded plugin, given by the path of its file, keep its programs in the folder dir, which is made if
// need be; past limit bytes those go that were not used for the longest time. Call it after a backend was opened with
// the plugin, as often as one likes: the last folder given is the plugin's, for the whole process and for good.
//
// An error means that the plugin compiles as it did before. XLA's own dumps (xla_dump_to in XLA_FLAGS) hold nothing of
// a program that was loaded.
func Keep(plugin, dir string, limit int64) (stats func() Stats, err error) {
	return keep(plugin, dir, limit)
}

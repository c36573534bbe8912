package backend

// How Linux schedules what computes. XLA's CPU plugin keeps four worker threads however few cores there are; woken for
// every operation, they keep taking the cores from one another. As batch work (SCHED_BATCH, which needs no privilege)
// a woken thread waits for its turn (docs/performance.md has what that gives).

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// batchWorkers makes the plugin's worker threads batch work.
func batchWorkers() { batch("tf_XLA") }

// batch does so for the threads whose names begin with prefix, and so for those that they start later.
func batch(prefix string) {
	const tasks = "/proc/self/task"
	entries, err := os.ReadDir(tasks)
	if err != nil {
		return
	}
	for _, e := range entries {
		name, err := os.ReadFile(filepath.Join(tasks, e.Name(), "comm"))
		if err != nil || !strings.HasPrefix(string(name), prefix) {
			continue
		}
		tid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		// The nice value stays, and so does a policy that somebody chose.
		if now, err := unix.SchedGetAttr(tid, 0); err == nil && now.Policy == unix.SCHED_NORMAL {
			_ = unix.SchedSetAttr(tid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_BATCH, Nice: now.Nice}, 0)
		}
	}
}

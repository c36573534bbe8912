package backend

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestBatchWorkKeepsItsNiceValue(t *testing.T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never let go: the thread ends with the goroutine
		tid := unix.Gettid()
		if err := os.WriteFile("/proc/thread-self/comm", []byte("lc_batch_test"), 0); err != nil {
			t.Error(err)
			return
		}
		before, err := unix.SchedGetAttr(tid, 0)
		if err != nil || before.Policy != unix.SCHED_NORMAL {
			t.Logf("scheduled as %+v, %v: nothing to see", before, err)
			return
		}
		nice := min(before.Nice+1, 19)
		if err := unix.Setpriority(unix.PRIO_PROCESS, tid, int(nice)); err != nil {
			t.Error(err)
			return
		}
		batch("lc_batch")
		if after, err := unix.SchedGetAttr(tid, 0); err != nil || after.Policy != unix.SCHED_BATCH || after.Nice != nice {
			t.Errorf("policy %d with nice %d, %v; want %d with %d", after.Policy, after.Nice, err, unix.SCHED_BATCH, nice)
		}
	}()
	<-done
}

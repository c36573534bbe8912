package main

import "testing"

func TestEveryLineIsReadOnce(t *testing.T) {
	for _, n := range []int{0, 1, 3, 4, 5, 16, 1000, 4099} {
		lines := make([]line, n)
		var want uint64
		for i := range lines {
			lines[i][0] = uint64(i*i + 1)
			want += lines[i][0]
		}
		for _, threads := range []int{1, 2, 3, 16} {
			if got := read(lines, threads); got != want {
				t.Errorf("%d lines by %d threads: sum %d, want %d", n, threads, got, want)
			}
		}
	}
}

func TestReportSaysWhatWasRead(t *testing.T) {
	r, err := measure(1<<20, 3)
	if err != nil {
		t.Fatal(err)
	}
	if r.Bytes != 1<<20 || r.Runs != 3 || r.Threads < 1 || r.Median <= 0 || r.Best < r.Median {
		t.Errorf("report %+v of 1 MiB in 3 runs", r)
	}
}

func BenchmarkRead(b *testing.B) {
	lines := make([]line, 1<<20) // 64 MiB
	for i := range lines {
		lines[i][0] = 1
	}
	b.SetBytes(64 << 20)
	for b.Loop() {
		read(lines, 2)
	}
}

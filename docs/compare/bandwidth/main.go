// Bandwidth says how fast all cores together read memory, in GB/s, as JSON: the limit of every program that reads a
// model's weights once a token. It reads 1 GiB (more than caches hold) several times and does next to nothing with it.
//
//	go run ./docs/compare/bandwidth [-mib 1024] [-runs 9]
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"
)

// report has decimal gigabytes a second: what most runs reach, and the best, which is nearest to what the memory can do
// on a machine that others use too.
type report struct {
	Engine  string  `json:"engine"`
	Threads int     `json:"threads"`
	Bytes   int     `json:"bytes"`
	Runs    int     `json:"runs"`
	Median  float64 `json:"gb_s"`
	Best    float64 `json:"best_gb_s"`
}

func main() {
	mib := flag.Int("mib", 1024, "memory to read in each run, MiB")
	runs := flag.Int("runs", 9, "runs that count; one more goes before them")
	flag.Parse()
	if *mib < 1 || *runs < 1 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "bandwidth: -mib and -runs want 1 or more, and nothing may follow them")
		os.Exit(2)
	}
	r, err := measure(*mib<<20, *runs)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(r)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bandwidth:", err)
		os.Exit(1)
	}
}

// measure reads that many bytes so many times. Using the sum keeps the compiler from leaving the reading out.
func measure(bytes, runs int) (report, error) {
	lines := make([]line, bytes/64)
	for i := range lines { // a page that was never written is not in memory
		lines[i][0] = 1
	}
	threads := runtime.GOMAXPROCS(0)
	var speeds []float64
	for i := range runs + 1 {
		start := time.Now()
		if sum := read(lines, threads); sum != uint64(len(lines)) {
			return report{}, fmt.Errorf("run %d: %d cache lines read, want %d", i, sum, len(lines))
		}
		if i > 0 {
			speeds = append(speeds, float64(bytes)/time.Since(start).Seconds()/1e9)
		}
	}
	slices.Sort(speeds)
	return report{
		Engine: "read bandwidth, " + runtime.Version(), Threads: threads, Bytes: bytes, Runs: runs,
		Median: tenths(speeds[len(speeds)/2]), Best: tenths(speeds[len(speeds)-1]),
	}, nil
}

func tenths(x float64) float64 { return math.Round(x*10) / 10 }

// line is a cache line. Memory moves whole lines, so one word of each is read: more would keep the core busy with adding.
type line [8]uint64

// read gives each thread one run of lines and returns the sum of their first words.
func read(lines []line, threads int) uint64 {
	sums := make([]uint64, threads)
	var wait sync.WaitGroup
	for i := range threads {
		share := lines[len(lines)*i/threads : len(lines)*(i+1)/threads]
		wait.Go(func() { sums[i] = sum(share) })
	}
	wait.Wait()
	var total uint64
	for _, s := range sums {
		total += s
	}
	return total
}

// sum has four sums under way, so that additions don't wait for each other.
func sum(lines []line) uint64 {
	var a, b, c, d uint64
	for ; len(lines) >= 4; lines = lines[4:] {
		a += lines[0][0]
		b += lines[1][0]
		c += lines[2][0]
		d += lines[3][0]
	}
	for i := range lines {
		a += lines[i][0]
	}
	return a + b + c + d
}

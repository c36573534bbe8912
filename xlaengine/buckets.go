package xlaengine

// Shapes come from a few buckets, so that a handful of programs serves prompts, batches and memories of every size.
// This file holds the buckets and how work is cut to fit them.

// maxRows is how many rows one call takes; larger batches go in groups.
const maxRows = 16

const maxChunk = 256 // prompt tokens that a row takes in in one call, at most

var (
	rowBuckets   = []int{1, 2, 4, 8, maxRows}
	chunkBuckets = []int{1, 16, 32, 64, 128, maxChunk}                    // new positions of a row in one call
	finalBuckets = []int{1, 2, 4, 8, maxRows, 64, maxChunk, 4 * maxChunk} // positions whose hidden states are wanted
	stepBuckets  = []int{1, 4}                                            // of them where a draft is verified
)

// rowsFor returns the bucket that n rows run in.
func rowsFor(n int) int { return bucket(rowBuckets, n) }

// chunkFor returns how many positions the next call takes when the longest row has n to go: the largest bucket that
// is at least three quarters filled by them, else the smallest that takes all. Up to three go one by one, which is
// faster than the smallest chunk.
func chunkFor(n, limit int) int {
	if n <= 3 {
		return 1
	}
	for i := len(chunkBuckets) - 1; i > 0; i-- {
		if t := chunkBuckets[i]; t <= limit && n >= t-t/4 {
			return t
		}
	}
	return min(bucket(chunkBuckets, n), limit)
}

// capacityFor returns the slots that hold n positions: 384, 512, then each a third or a half more. Slots that are not
// used cost memory, and attention time where XLA does it; more sizes cost compilations.
func capacityFor(n int) int {
	c := 384
	for c < n {
		switch {
		case c == 384:
			c = 512
		case c&(c-1) == 0:
			c += c / 2
		default:
			c += c / 3
		}
	}
	return c
}

// capacityClass numbers groups of capacities that are close: up to 512, up to 1024, and so on.
func capacityClass(capacity int) int {
	class := 0
	for largestOf(class) < capacity {
		class++
	}
	return class
}

func largestOf(class int) int { return 512 << class }

func bucket(sizes []int, n int) int {
	for _, s := range sizes {
		if n <= s {
			return s
		}
	}
	return sizes[len(sizes)-1]
}

// layersPerProgram is how many layers one program runs. Each call finds the cores asleep and waits for them, each layer
// more takes some fifty milliseconds to compile (docs/performance.md).
const layersPerProgram = 15

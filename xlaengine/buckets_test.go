package xlaengine

// Buckets must hold what is asked of them.

import "testing"

func TestBucketsHoldWhatIsAsked(t *testing.T) {
	for n := 1; n <= 20000; n++ {
		if c := capacityFor(n); c < n || (n > 384 && c > 2*n) {
			t.Fatalf("%d positions in %d slots", n, c)
		}
	}
	for n := 1; n <= maxRows; n++ {
		if b := rowsFor(n); b < n || b >= 2*n && n > 1 {
			t.Fatalf("%d rows in a bucket of %d", n, b)
		}
	}
	for _, limit := range chunkBuckets {
		for n := 1; n <= 600; n++ {
			if c := chunkFor(n, limit); c < 1 || c > limit {
				t.Fatalf("a chunk of %d for %d positions, at most %d", c, n, limit)
			}
		}
	}
}

func TestPaddingStaysSmall(t *testing.T) {
	for _, n := range []int{4, 17, 50, 65, 67, 130, 200, 256, 300, 1000} {
		passed := 0
		for left := n; left > 0; {
			c := chunkFor(left, 256)
			passed += c
			left -= min(c, left)
		}
		if passed > n+16 && passed > n*4/3 {
			t.Errorf("%d positions are taken in as %d", n, passed)
		}
	}
}

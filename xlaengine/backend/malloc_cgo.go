//go:build cgo && linux

package backend

// What C's allocator does with memory that was freed. XLA's compiler needs some hundred megabytes for a moment, and
// glibc keeps them, in an arena for each of the plugin's threads.

/*
#include <stddef.h>
extern int malloc_trim(size_t) __attribute__((weak));
extern int mallopt(int, int) __attribute__((weak));

static void trim(void) { if (malloc_trim) malloc_trim(0); }

static void one_arena(void) {
	const int arena_max = -8; // M_ARENA_MAX of glibc's malloc.h; other C libraries have no arenas to limit
	if (mallopt && malloc_trim) mallopt(arena_max, 1);
}
*/
import "C"

// trim gives back to the system what C code has freed.
func trim() { C.trim() }

// oneArena makes all threads share one arena, from now on.
func oneArena() { C.one_arena() }

//go:build cgo && (amd64 || arm64)

// Sharing a call between threads. They are lent by whoever calls, XLA's own as a rule, which compute what lies between
// calls as well: threads of ours would only be in their way. Calls follow each other within microseconds, so a thread
// that was lent looks for the next call for a while before it goes back. One call has the threads at a time; others
// that come meanwhile, from programs side by side, do their work alone.

#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>

#include "kernels.h"

#if defined(__x86_64__)
#define REST() __builtin_ia32_pause()
#else
#define REST() __asm__ volatile("yield")
#endif

// Looks for a call before a helper goes back, or at those still inside before the caller leaves them its core: about a
// hundred microseconds.
enum { patience = 2000 };

// gate tells helpers of a call: its number, whether it takes helpers, and how many are in it.
#define CALL ((uint64_t)1 << 32)
#define OPEN ((uint64_t)1 << 31)
#define INSIDE (OPEN - 1)

static _Atomic uint64_t gate;
static atomic_flag busy = ATOMIC_FLAG_INIT; // held by the call that has the threads
static void (*call_fn)(void *, int64_t);
static void *call_arg;
static int64_t call_n;
static _Atomic int64_t call_next;

static atomic_int wanted = 1; // threads in a call, the caller included
static atomic_int helpers;    // lent, those that did not come yet included

static void work(void) {
  for (int64_t i; (i = atomic_fetch_add_explicit(&call_next, 1, memory_order_relaxed)) < call_n;) call_fn(call_arg, i);
}

// enter has a helper join the call that is open, if it is not the one it was in last.
static int enter(uint64_t *last) {
  uint64_t now = atomic_load(&gate);
  while ((now & OPEN) && now / CALL != *last) {
    if (atomic_compare_exchange_weak(&gate, &now, now + 1)) {
      *last = now / CALL;
      return 1;
    }
  }
  return 0;
}

static void help(void *unused) {
  (void)unused;
  uint64_t last = 0; // calls are numbered from 1
  for (int tries = 0; tries < patience; tries++) {
    if (enter(&last)) {
      work();
      atomic_fetch_sub(&gate, 1);
      tries = 0;
    }
    REST();
  }
  atomic_fetch_sub(&helpers, 1);
}

void kernels_threads(int n) { atomic_store(&wanted, n); }

void kernels_pool_run(void (*fn)(void *, int64_t), void *arg, int64_t n, const lender *from) {
  int64_t most = atomic_load(&wanted) < n ? atomic_load(&wanted) : n;
  if (most <= 1 || from == NULL || atomic_flag_test_and_set(&busy)) {
    for (int64_t i = 0; i < n; i++) fn(arg, i);
    return;
  }
  call_fn = fn, call_arg = arg, call_n = n;
  atomic_store(&call_next, 0);
  atomic_store(&gate, (atomic_load(&gate) / CALL + 1) * CALL + OPEN);
  for (int have = atomic_load(&helpers); have < most - 1; have++) {
    atomic_fetch_add(&helpers, 1);
    if (!from->lend(from->context, help)) {
      atomic_fetch_sub(&helpers, 1);
      break;
    }
  }
  work();
  atomic_fetch_and(&gate, ~OPEN);
  for (int tries = 0; atomic_load(&gate) & INSIDE;) { // as a rule shortly: a helper that takes long may have no core
    if (tries < patience) {
      tries++;
      REST();
    } else {
      sched_yield();
    }
  }
  atomic_flag_clear(&busy);
}

//go:build cgo && (amd64 || arm64)

// What XLA calls: the handlers read shapes and memory from the call and run the kernels. The programs are ours
// (rewrite.go), and a handler's name ends in the version of its operands, so that a call has those that are read here.

#include "ffi.h"
#include "kernels.h"

// introduced answers the call that asks for the version of the interface a handler speaks.
static int introduced(ffi_call *call) {
  if (call->extension_start == NULL || call->extension_start->type != 1) return 0;
  ffi_metadata *metadata = ((ffi_metadata_extension *)call->extension_start)->metadata;
  metadata->version.major = 0;
  metadata->version.minor = 3;
  return 1;
}

// lend has one of the threads of XLA's pool run task.
static int lend(void *context, void (*task)(void *)) {
  ffi_call *call = context;
  if (call->api->struct_size < sizeof *call->api) return 0;
  ffi_schedule_args args = {.struct_size = sizeof args, .context = call->context, .task = task};
  ffi_error *error = call->api->thread_pool_schedule(&args);
  if (error == NULL) return 1;
  ffi_error_destroy_args destroy = {.struct_size = sizeof destroy, .error = error};
  call->api->error_destroy(&destroy);
  return 0;
}

static ffi_buffer *argument(ffi_call *call, int64_t i) { return call->arguments.list[i]; }
static float *result(ffi_call *call) { return ((ffi_buffer *)call->results.list[0])->data; }

// kernels_call_product is x [n, in], w [out, in] → [n, out].
ffi_error *kernels_call_product(ffi_call *call) {
  if (introduced(call)) return NULL;
  ffi_buffer *x = argument(call, 0), *w = argument(call, 1);
  product p = {.x = x->data, .w = w->data, .y = result(call), .n = x->dims[0], .in = x->dims[1], .out = w->dims[0]};
  kernels_product(&p, &(lender){lend, call});
  return NULL;
}

// kernels_call_attention is q [rows·t, heads, dim], past [rows], then for each row its new keys [groups, dim, t] and values
// [groups, t, dim], then for each row that has a cache keys [groups, dim, slots] and values [groups, slots, dim]
// → [rows·t, heads·dim]. The one attribute is the window.
ffi_error *kernels_call_attention(ffi_call *call) {
  if (introduced(call)) return NULL;
  ffi_buffer *q = argument(call, 0), *past = argument(call, 1), *keys = argument(call, 2);
  attention a = {
      .q = q->data,
      .y = result(call),
      .rows = past->dims[0],
      .t = keys->dims[2],
      .heads = q->dims[1],
      .groups = keys->dims[0],
      .dim = q->dims[2],
      .window = *(int64_t *)((ffi_scalar *)call->attributes.list[0])->value,
  };
  const int64_t caches = 2 + 2 * a.rows;
  for (int64_t r = 0; r < a.rows; r++) {
    a.new_keys[r] = argument(call, 2 + 2 * r)->data;
    a.new_values[r] = argument(call, 3 + 2 * r)->data;
    if (call->arguments.size == caches) continue;
    a.past = past->data;
    a.slots = argument(call, caches)->dims[2];
    a.keys[r] = argument(call, caches + 2 * r)->data;
    a.values[r] = argument(call, caches + 2 * r + 1)->data;
  }
  kernels_attention(&a, &(lender){lend, call});
  return NULL;
}

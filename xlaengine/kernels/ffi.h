// The part of XLA's foreign function interface that the kernels' handlers read. The layouts are facts of
// xla/ffi/api/c_api.h (OpenXLA), API version 0.3. A handler says that it is of this version (introduced in ffi_linux.c);
// an XLA that does not speak it, as one of another minor version may not, refuses to register the handler.

#ifndef LATENTCHAIN_KERNELS_FFI_H
#define LATENTCHAIN_KERNELS_FFI_H

#include <stddef.h>
#include <stdint.h>

typedef struct ffi_extension {
  size_t struct_size;
  int type; // 1 asks for metadata
  struct ffi_extension *next;
} ffi_extension;

#define FFI_HEAD      \
  size_t struct_size; \
  ffi_extension *extension_start

typedef struct {
  FFI_HEAD;
  int type; // 11 is float32, 4 is int32
  void *data;
  int64_t rank;
  int64_t *dims;
} ffi_buffer;

typedef struct {
  FFI_HEAD;
  int64_t size;
  int *types; // 1 is a buffer
  void **list;
} ffi_buffers; // arguments and results alike

typedef struct {
  const char *text;
  size_t size;
} ffi_name;

typedef struct {
  int type; // 5 is int64
  void *value;
} ffi_scalar;

typedef struct {
  FFI_HEAD;
  int64_t size;
  int *types; // 3 is a scalar
  ffi_name **names;
  void **list;
} ffi_attributes; // sorted by name

typedef struct {
  FFI_HEAD;
  int major, minor;
} ffi_version;

typedef struct ffi_error ffi_error;
typedef void (*ffi_unused_fn)(void);

typedef struct {
  FFI_HEAD;
  ffi_error *error;
} ffi_error_destroy_args;

typedef struct {
  FFI_HEAD;
  void *context;
  void (*task)(void *data);
  void *data;
} ffi_schedule_args;

typedef struct {
  FFI_HEAD;
  ffi_version version;
  const void *internal;
  ffi_unused_fn unused0[2];
  void (*error_destroy)(ffi_error_destroy_args *); // 2
  ffi_unused_fn unused3[8];
  ffi_error *(*thread_pool_schedule)(ffi_schedule_args *); // 11
} ffi_api;

typedef struct {
  FFI_HEAD;
  const ffi_api *api;
  void *context;
  int stage; // 3 is execution
  ffi_buffers arguments, results;
  ffi_attributes attributes;
} ffi_call;

typedef struct {
  size_t struct_size;
  ffi_version version; // out
  uint32_t traits;     // out
} ffi_metadata;

typedef struct {
  ffi_extension base;
  ffi_metadata *metadata;
} ffi_metadata_extension;

ffi_error *kernels_call_product(ffi_call *call);
ffi_error *kernels_call_attention(ffi_call *call);

#endif

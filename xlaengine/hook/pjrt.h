// The part of the PJRT C API that the hook needs. The layouts are facts of xla/pjrt/c/pjrt_c_api.h (OpenXLA),
// major version 0, read at minor version 104: within a major version fields are only added, at the end of a struct,
// and every struct begins with its own size. Nothing here is used before loadedAPI (hook_linux.go) has looked at the
// plugin's version and at the size of its table.

#ifndef LATENTCHAIN_HOOK_PJRT_H
#define LATENTCHAIN_HOOK_PJRT_H

#include <stddef.h>
#include <stdint.h>

typedef struct pjrt_error pjrt_error;
typedef struct pjrt_client pjrt_client;
typedef struct pjrt_device pjrt_device;
typedef struct pjrt_description pjrt_description;
typedef struct pjrt_executable pjrt_executable;
typedef struct pjrt_loaded pjrt_loaded;
typedef struct pjrt_serialized pjrt_serialized;

#define PJRT_HEAD      \
  size_t struct_size;  \
  void *extension_start

typedef struct {
  PJRT_HEAD;
  char *code;
  size_t code_size;
  const char *format;
  size_t format_size;
} pjrt_program;

typedef struct {
  PJRT_HEAD;
  pjrt_client *client;
  const pjrt_program *program;
  const char *compile_options;
  size_t compile_options_size;
  pjrt_loaded *executable;  // out
} pjrt_compile_args;

typedef struct {
  PJRT_HEAD;
  const pjrt_error *error;
} pjrt_error_destroy_args;

typedef struct {
  PJRT_HEAD;
  const pjrt_error *error;
  const char *message;  // out
  size_t message_size;  // out
} pjrt_error_message_args;

typedef struct {
  PJRT_HEAD;
  const void *subject;
  const char *text;  // out
  size_t text_size;  // out
} pjrt_text_args;  // of Client_PlatformName, Client_PlatformVersion and DeviceDescription_Kind

typedef struct {
  PJRT_HEAD;
  pjrt_client *client;
  pjrt_device *const *devices;  // out
  size_t num_devices;           // out
} pjrt_devices_args;

typedef struct {
  PJRT_HEAD;
  const void *subject;
  void *result;  // out
} pjrt_get_args;  // of Device_GetDescription and LoadedExecutable_GetExecutable

typedef struct {
  PJRT_HEAD;
  void *subject;
} pjrt_destroy_args;  // of Executable_Destroy

typedef struct {
  PJRT_HEAD;
  const pjrt_executable *executable;
  const char *bytes;                  // out
  size_t bytes_size;                  // out
  pjrt_serialized *backing;           // out
  void (*free)(pjrt_serialized *);    // out
} pjrt_serialize_args;

typedef struct {
  PJRT_HEAD;
  pjrt_client *client;
  const char *bytes;
  size_t bytes_size;
  pjrt_loaded *loaded;  // out
  const char *options;  // NULL for those in bytes
  size_t options_size;
} pjrt_load_args;

// The extension for functions of others that programs call (pjrt_c_api_ffi_extension.h). Its fields were changed in
// place once, so that nothing older than the minor version read is trusted.
enum { pjrt_ffi_extension_type = 5, pjrt_ffi_minor = 104 };

typedef struct pjrt_extension {
  size_t struct_size;
  int type;
  struct pjrt_extension *next;
} pjrt_extension;

typedef struct {
  size_t struct_size;
  const char *name;
  size_t name_size;
  void *handler;
  const char *platform;
  size_t platform_size;
  int traits;
} pjrt_register_args;

typedef struct {
  pjrt_extension base;
  void (*unused[2])(void);
  pjrt_error *(*register_handler)(pjrt_register_args *);
} pjrt_ffi_extension;

typedef struct {
  PJRT_HEAD;
  pjrt_client *client;
  void *memory;
} pjrt_view_args;  // the beginning of Client_CreateViewOfDeviceBuffer's

typedef pjrt_error *(*pjrt_compile_fn)(pjrt_compile_args *);
typedef pjrt_error *(*pjrt_view_fn)(pjrt_view_args *);
typedef void (*pjrt_unused_fn)(void);

// pjrt_api is the table of functions, as far as it is needed. What lies between is counted, not named.
typedef struct {
  PJRT_HEAD;
  size_t version_struct_size;
  void *version_extension_start;
  int major_version;
  int minor_version;
  void (*error_destroy)(pjrt_error_destroy_args *);                // 0
  void (*error_message)(pjrt_error_message_args *);                // 1
  pjrt_unused_fn unused2[10];                                      // 2
  pjrt_error *(*client_platform_name)(pjrt_text_args *);           // 12
  pjrt_unused_fn unused13[1];                                      // 13
  pjrt_error *(*client_platform_version)(pjrt_text_args *);        // 14
  pjrt_unused_fn unused15[1];                                      // 15
  pjrt_error *(*client_addressable_devices)(pjrt_devices_args *);  // 16
  pjrt_unused_fn unused17[3];                                      // 17
  pjrt_compile_fn client_compile;                                  // 20
  pjrt_unused_fn unused21[5];                                      // 21
  pjrt_error *(*description_kind)(pjrt_text_args *);               // 26
  pjrt_unused_fn unused27[2];                                      // 27
  pjrt_error *(*device_get_description)(pjrt_get_args *);          // 29
  pjrt_unused_fn unused30[10];                                     // 30
  pjrt_error *(*executable_destroy)(pjrt_destroy_args *);          // 40
  pjrt_unused_fn unused41[8];                                      // 41
  pjrt_error *(*executable_serialize)(pjrt_serialize_args *);      // 49
  pjrt_unused_fn unused50[1];                                      // 50
  pjrt_error *(*loaded_get_executable)(pjrt_get_args *);           // 51
  pjrt_unused_fn unused52[4];                                      // 52
  pjrt_error *(*deserialize_and_load)(pjrt_load_args *);           // 56
  pjrt_unused_fn unused57[36];                                     // 57
  pjrt_view_fn client_create_view;                                 // 93
} pjrt_api;

#endif

// What Go calls in hook_linux.c. A function that can fail returns the plugin's error, NULL for none; hook_message reads
// it and hook_drop frees it.

#ifndef LATENTCHAIN_HOOK_HOOK_H
#define LATENTCHAIN_HOOK_HOOK_H

#include "pjrt.h"

enum { hook_slots = 4 };

pjrt_api *hook_loaded_api(const char *path, int *opened, void **code);
size_t hook_api_size(void);
pjrt_compile_fn hook_get(pjrt_api *api);
void hook_set(pjrt_api *api, int slot);

// hook_view_of has the next view that this thread makes be one of memory, or none of any; it returns what it was to be
// of before, NULL once that has been used.
void *hook_view_of(void *memory);

// hook_register registers a handler on the CPU. *unknown is 1 where the plugin has no such registry or another form of
// it.
pjrt_error *hook_register(pjrt_api *api, const char *name, void *handler, int *unknown);

// hook_program is p with other code, for the caller to free; NULL never, as malloc's failure ends the process.
pjrt_program *hook_program(const pjrt_program *p, char *code, size_t size);

pjrt_error *hook_compile(pjrt_compile_fn original, pjrt_compile_args *args);
pjrt_error *hook_load(pjrt_api *api, pjrt_compile_args *args, const void *bytes, size_t size);
pjrt_error *hook_serialize(pjrt_api *api, pjrt_compile_args *args, pjrt_serialize_args *out);
void hook_free(pjrt_serialize_args *serialized);
pjrt_error *hook_platform(pjrt_api *api, pjrt_client *client, pjrt_text_args *name, pjrt_text_args *version);
pjrt_error *hook_devices(pjrt_api *api, pjrt_client *client, pjrt_devices_args *devices);
pjrt_error *hook_kind(pjrt_api *api, pjrt_device *device, pjrt_text_args *kind);
pjrt_error_message_args hook_message(pjrt_api *api, pjrt_error *error);
void hook_drop(pjrt_api *api, pjrt_error *error);

#endif

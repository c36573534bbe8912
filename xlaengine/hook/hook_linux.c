//go:build cgo

// The C side of the hook: finding the table of a loaded plugin, putting a function of ours into it, and calling the
// plugin's functions, which Go cannot call through pointers.

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "hook.h"

// Defined in Go (hook_linux.go).
extern pjrt_error *latentchainCompile(int slot, pjrt_compile_args *args);

// The plugin does not say which table a call came through, so each plugin gets a function of its own.
static pjrt_error *compile0(pjrt_compile_args *args) { return latentchainCompile(0, args); }
static pjrt_error *compile1(pjrt_compile_args *args) { return latentchainCompile(1, args); }
static pjrt_error *compile2(pjrt_compile_args *args) { return latentchainCompile(2, args); }
static pjrt_error *compile3(pjrt_compile_args *args) { return latentchainCompile(3, args); }
static const pjrt_compile_fn ours[hook_slots] = {compile0, compile1, compile2, compile3};

static pjrt_view_fn view_original[hook_slots];
static __thread void *view_of;

static pjrt_error *view(int slot, pjrt_view_args *args) {
  if (view_of != NULL) {
    args->memory = view_of;
    view_of = NULL;
  }
  return view_original[slot](args);
}
static pjrt_error *view0(pjrt_view_args *args) { return view(0, args); }
static pjrt_error *view1(pjrt_view_args *args) { return view(1, args); }
static pjrt_error *view2(pjrt_view_args *args) { return view(2, args); }
static pjrt_error *view3(pjrt_view_args *args) { return view(3, args); }
static const pjrt_view_fn our_view[hook_slots] = {view0, view1, view2, view3};

// hook_loaded_api returns the table of the plugin at path, NULL if it has none or, with *opened = 0, is not loaded, and an
// address in its code. The plugin stays loaded from here on: its table now leads here.
pjrt_api *hook_loaded_api(const char *path, int *opened, void **code) {
  void *plugin = dlopen(path, RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD);
  *opened = plugin != NULL;
  if (plugin == NULL) return NULL;
  pjrt_api *(*get)(void) = (pjrt_api * (*)(void)) dlsym(plugin, "GetPjrtApi");
  *code = (void *)get;
  return get == NULL ? NULL : get();
}

size_t hook_api_size(void) { return sizeof(pjrt_api); }

pjrt_compile_fn hook_get(pjrt_api *api) { return __atomic_load_n(&api->client_compile, __ATOMIC_ACQUIRE); }

void hook_set(pjrt_api *api, int slot) {
  __atomic_store_n(&api->client_compile, ours[slot], __ATOMIC_RELEASE);
  if (api->client_create_view == NULL) return;
  view_original[slot] = api->client_create_view;
  __atomic_store_n(&api->client_create_view, our_view[slot], __ATOMIC_RELEASE);
}

void *hook_view_of(void *memory) {
  void *before = view_of;
  view_of = memory;
  return before;
}

pjrt_error *hook_register(pjrt_api *api, const char *name, void *handler, int *unknown) {
  *unknown = 0;
  for (pjrt_extension *e = api->extension_start; e != NULL && api->minor_version >= pjrt_ffi_minor; e = e->next) {
    pjrt_ffi_extension *ffi = (pjrt_ffi_extension *)e;
    if (e->type != pjrt_ffi_extension_type || e->struct_size < sizeof *ffi || ffi->register_handler == NULL) continue;
    const char *platform = "Host";
    pjrt_register_args args = {
        .struct_size = sizeof args,
        .name = name,
        .name_size = strlen(name),
        .handler = handler,
        .platform = platform,
        .platform_size = strlen(platform),
    };
    return ffi->register_handler(&args);
  }
  *unknown = 1;
  return NULL;
}

pjrt_program *hook_program(const pjrt_program *p, char *code, size_t size) {
  pjrt_program *other = malloc(p->struct_size); // a newer caller's may be longer than ours
  if (other == NULL) abort();
  memcpy(other, p, p->struct_size);
  other->code = code;
  other->code_size = size;
  return other;
}

pjrt_error *hook_compile(pjrt_compile_fn original, pjrt_compile_args *args) { return original(args); }

pjrt_error *hook_load(pjrt_api *api, pjrt_compile_args *args, const void *bytes, size_t size) {
  pjrt_load_args load = {.struct_size = sizeof load, .client = args->client, .bytes = bytes, .bytes_size = size};
  pjrt_error *error = api->deserialize_and_load(&load);
  if (error == NULL) args->executable = load.loaded;
  return error;
}

pjrt_error *hook_serialize(pjrt_api *api, pjrt_compile_args *args, pjrt_serialize_args *out) {
  pjrt_get_args get = {.struct_size = sizeof get, .subject = args->executable};
  pjrt_error *error = api->loaded_get_executable(&get);
  if (error != NULL) return error;
  memset(out, 0, sizeof *out);
  out->struct_size = sizeof *out;
  out->executable = get.result;
  error = api->executable_serialize(out);
  pjrt_destroy_args destroy = {.struct_size = sizeof destroy, .subject = get.result};
  hook_drop(api, api->executable_destroy(&destroy));
  return error;
}

void hook_free(pjrt_serialize_args *serialized) {
  if (serialized->free != NULL) serialized->free(serialized->backing);
}

pjrt_error *hook_platform(pjrt_api *api, pjrt_client *client, pjrt_text_args *name, pjrt_text_args *version) {
  *name = *version = (pjrt_text_args){.struct_size = sizeof *name, .subject = client};
  pjrt_error *error = api->client_platform_name(name);
  return error != NULL ? error : api->client_platform_version(version);
}

pjrt_error *hook_devices(pjrt_api *api, pjrt_client *client, pjrt_devices_args *devices) {
  *devices = (pjrt_devices_args){.struct_size = sizeof *devices, .client = client};
  return api->client_addressable_devices(devices);
}

pjrt_error *hook_kind(pjrt_api *api, pjrt_device *device, pjrt_text_args *kind) {
  pjrt_get_args get = {.struct_size = sizeof get, .subject = device};
  pjrt_error *error = api->device_get_description(&get);
  if (error != NULL) return error;
  *kind = (pjrt_text_args){.struct_size = sizeof *kind, .subject = get.result};
  return api->description_kind(kind);
}

pjrt_error_message_args hook_message(pjrt_api *api, pjrt_error *error) {
  pjrt_error_message_args args = {.struct_size = sizeof args, .error = error};
  api->error_message(&args);
  return args;
}

void hook_drop(pjrt_api *api, pjrt_error *error) {
  if (error == NULL) return;
  pjrt_error_destroy_args args = {.struct_size = sizeof args, .error = error};
  api->error_destroy(&args);
}

// The fake GPU as an add-on of Node, which gives it to TensorFlow before tfjs-node asks that for
// its devices: load(path of TensorFlow's library).
#include <dlfcn.h>
#include <node_api.h>

#include <mutex>
#include <stdexcept>
#include <string>

#include "fake_gpu/memory.h"
#include "fake_gpu/stream.h"
#include "simt/neighbour.h"
#include "tensorflow/c_api.h"

// What the shim asks a device beside it for: its kernels work on this memory too.
extern "C" {
void* simtOpenMemory() { return new fake_gpu::OpenMemory; }
void simtCloseMemory(void* open) { delete static_cast<fake_gpu::OpenMemory*>(open); }
void simtWaitForNeighbour() { fake_gpu::waitForStreams(); }
}

namespace {

struct TF_Library;

// Throws std::runtime_error.
void loadDevice(const std::string& tensorFlowPath) {
  // Global, as the functions that the add-on of tfjs-alig does not use are looked up by name.
  void* const library = dlopen(tensorFlowPath.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (!library) throw std::runtime_error(dlerror());
  auto* const load = reinterpret_cast<TF_Library* (*)(const char*, TF_Status*)>(
      dlsym(library, "TF_LoadPluggableDeviceLibrary"));
  Dl_info own;
  if (!load || !dladdr(reinterpret_cast<void*>(&simtOpenMemory), &own)) {
    throw std::runtime_error(tensorFlowPath + " takes no devices from libraries");
  }
  const tfjs_alig::TensorFlow& tf = tfjs_alig::tensorFlow();
  TF_Status* const status = tf.TF_NewStatus();
  load(own.dli_fname, status);
  const std::string problem = tf.TF_GetCode(status) == TF_OK ? "" : tf.TF_Message(status);
  tf.TF_DeleteStatus(status);
  if (!problem.empty()) throw std::runtime_error(problem);
}

napi_value load(napi_env env, napi_callback_info info) {
  std::size_t count = 1;
  napi_value argument = nullptr;
  char path[4096];
  if (napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr) != napi_ok || count != 1 ||
      napi_get_value_string_utf8(env, argument, path, sizeof path, nullptr) != napi_ok) {
    napi_throw_type_error(env, nullptr, "load takes the path of TensorFlow's library");
    return nullptr;
  }
  try {
    // A device belongs to the process, and every worker thread loads this.
    static std::once_flag once;
    std::call_once(once, loadDevice, path);
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
  }
  return nullptr;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value function = nullptr;
  if (napi_create_function(env, "load", NAPI_AUTO_LENGTH, load, nullptr, &function) != napi_ok ||
      napi_set_named_property(env, exports, "load", function) != napi_ok) {
    return nullptr;
  }
  return exports;
}

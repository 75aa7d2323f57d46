#include "tensorflow/c_api.h"

#include <stdexcept>
#include <string>

#if !defined(_WIN32)
#include <dlfcn.h>
#endif

namespace tfjs_alig {
namespace {

#if defined(_WIN32)
TensorFlow load() { throw std::runtime_error("the TensorFlow op is not available on Windows yet"); }
#else
void* loadedLibrary() {
  // The library that tfjs-node links, as the wheels and as its own download name it. It depends on
  // libtensorflow_framework, so that dlsym finds the functions of both.
  for (const char* name : {"libtensorflow_cc.so.2", "libtensorflow.so.2",
                           "libtensorflow_cc.2.dylib", "libtensorflow.2.dylib"}) {
    // RTLD_NOLOAD: the one that is there, never a second TensorFlow.
    if (void* library = dlopen(name, RTLD_NOLOAD | RTLD_LAZY)) return library;
  }
  throw std::runtime_error(
      "no TensorFlow is loaded in this process; import @tensorflow/tfjs-node first");
}

TensorFlow load() {
  void* const library = loadedLibrary();
  TensorFlow functions;
#define TFJS_ALIG_LOOK_UP(name, result, parameters)                               \
  functions.name = reinterpret_cast<result(*) parameters>(dlsym(library, #name)); \
  if (!functions.name) {                                                          \
    throw std::runtime_error("the loaded TensorFlow has no function " #name       \
                             "; TensorFlow 2.9 or later is needed");              \
  }
  TFJS_ALIG_TENSORFLOW_FUNCTIONS(TFJS_ALIG_LOOK_UP)
#undef TFJS_ALIG_LOOK_UP
  return functions;
}
#endif

}  // namespace

const TensorFlow& tensorFlow() {
  static const TensorFlow functions = load();
  return functions;
}

}  // namespace tfjs_alig

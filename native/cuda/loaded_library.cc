#include "cuda/loaded_library.h"

#include <cstdlib>

#if !defined(_WIN32)
#include <dlfcn.h>
#include <unistd.h>

#include "node/package_folder.h"
#endif

namespace tfjs_alig {
namespace {

#if defined(_WIN32)
CudaLibraryState load() {
  CudaLibraryState state;
  state.problem = "the CUDA engine is not available on Windows yet";
  return state;
}
#else
#if defined(__aarch64__)
constexpr const char* kPrebuilt = "/prebuilds/linux-arm64/libtfjs_alig_cuda.so";
#else
constexpr const char* kPrebuilt = "/prebuilds/linux-x64/libtfjs_alig_cuda.so";
#endif

// Where the library lies, the best first; where it lies nowhere, where it was looked for first.
std::vector<std::string> libraryPaths() {
  const char* const chosen = std::getenv("TFJS_ALIG_CUDA_LIBRARY");
  if (chosen && *chosen) return {chosen};
  const std::string package = packageFolder();
  const std::string built = package + "/build/cuda/libtfjs_alig_cuda.so";
  const std::string prebuilt = package + kPrebuilt;
  const auto isThere = [](const std::string& path) { return access(path.c_str(), F_OK) == 0; };
  if (!isThere(prebuilt)) return {built};
  return isThere(built) ? std::vector{built, prebuilt} : std::vector{prebuilt};
}

// Fills `library` and returns what is wrong with the file, or an empty text.
std::string lookUp(const std::string& path, CudaLibrary& library) {
  // RTLD_NODELETE: TensorFlow's threads and JavaScript's finalizers call it as long as they live.
  void* const loaded = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!loaded) return dlerror();
  using Version = decltype(&tfjs_alig_cuda_version);
  const auto version = reinterpret_cast<Version>(dlsym(loaded, "tfjs_alig_cuda_version"));
  if (!version) return path + " is not the CUDA engine of tfjs-alig";
  // Before any other function is looked up: another version may have others, under these names too.
  if (std::string(version()) != TFJS_ALIG_VERSION) {
    return "it was built from version " + std::string(version()) +
           ", and this package is " TFJS_ALIG_VERSION;
  }
#define TFJS_ALIG_LOOK_UP(name)                                           \
  library.name = reinterpret_cast<decltype(&name)>(dlsym(loaded, #name)); \
  if (!library.name) return "it has no function " #name;
  TFJS_ALIG_CUDA_FUNCTIONS(TFJS_ALIG_LOOK_UP)
#undef TFJS_ALIG_LOOK_UP
  return "";
}

CudaLibraryState load() {
  static CudaLibrary library;
  CudaLibraryState state;
  for (const std::string& path : libraryPaths()) {
    const std::string problem = lookUp(path, library);
    if (problem.empty()) return {&library, path, ""};
    state.problem += (state.problem.empty() ? "" : "; ") + problem;
    if (state.path.empty()) state.path = path;
  }
  return state;
}
#endif

}  // namespace

const CudaLibraryState& cudaLibraryState() {
  static const CudaLibraryState* const state = new CudaLibraryState(load());
  return *state;
}

const CudaLibrary& cudaLibrary() {
  const CudaLibraryState& state = cudaLibraryState();
  if (!state.library) {
    throw std::runtime_error("the CUDA engine could not be loaded: " + state.problem);
  }
  return *state.library;
}

std::vector<TfjsAligCudaDevice> cudaDevices() {
  const CudaLibrary& library = cudaLibrary();
  int count = 0;
  callCuda(library.tfjs_alig_cuda_device_count, &count);
  std::vector<TfjsAligCudaDevice> devices(static_cast<std::size_t>(count));
  for (int index = 0; index < count; ++index) {
    callCuda(library.tfjs_alig_cuda_device, index, &devices[static_cast<std::size_t>(index)]);
  }
  return devices;
}

}  // namespace tfjs_alig

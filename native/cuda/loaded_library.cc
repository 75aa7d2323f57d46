#include "cuda/loaded_library.h"

#include <cstdlib>

#if !defined(_WIN32)
#include <unistd.h>

#include "node/engine_library.h"
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

CudaLibrary open(const std::string& path) {
  // TensorFlow's threads and JavaScript's finalizers call it as long as they live.
  const EngineLibrary file(path, "CUDA engine", "tfjs_alig_cuda_version", RTLD_LOCAL);
  CudaLibrary library;
#define TFJS_ALIG_LOOK_UP(name) file.lookUp(#name, library.name);
  TFJS_ALIG_CUDA_FUNCTIONS(TFJS_ALIG_LOOK_UP)
#undef TFJS_ALIG_LOOK_UP
  return library;
}

CudaLibraryState load() {
  static CudaLibrary library;
  CudaLibraryState state;
  for (const std::string& path : libraryPaths()) {
    try {
      library = open(path);
      return {&library, path, ""};
    } catch (const std::runtime_error& error) {
      state.problem += (state.problem.empty() ? "" : "; ") + std::string(error.what());
      if (state.path.empty()) state.path = path;
    }
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

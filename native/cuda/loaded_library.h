// The CUDA engine's library as this process has loaded it. Nothing of CUDA is needed to compile or
// to load this: without the library, a driver or a GPU there is a reason in place of an engine.
#ifndef TFJS_ALIG_CUDA_LOADED_LIBRARY_H_
#define TFJS_ALIG_CUDA_LOADED_LIBRARY_H_

#include <stdexcept>
#include <string>
#include <vector>

#include "cuda/library.h"

namespace tfjs_alig {

#define TFJS_ALIG_CUDA_FUNCTIONS(X) \
  X(tfjs_alig_cuda_version)         \
  X(tfjs_alig_cuda_device_count)    \
  X(tfjs_alig_cuda_device)          \
  X(tfjs_alig_cuda_device_of)       \
  X(tfjs_alig_cuda_open)            \
  X(tfjs_alig_cuda_allocate)        \
  X(tfjs_alig_cuda_free)            \
  X(tfjs_alig_cuda_free_later)      \
  X(tfjs_alig_cuda_set_zero)        \
  X(tfjs_alig_cuda_allocate_host)   \
  X(tfjs_alig_cuda_divide)          \
  X(tfjs_alig_cuda_upload)          \
  X(tfjs_alig_cuda_download)        \
  X(tfjs_alig_cuda_copy)            \
  X(tfjs_alig_cuda_step)            \
  X(tfjs_alig_cuda_wait)            \
  X(tfjs_alig_cuda_follow_device)

// The functions of cuda/library.h.
struct CudaLibrary {
#define TFJS_ALIG_MEMBER(name) decltype(&::name) name;
  TFJS_ALIG_CUDA_FUNCTIONS(TFJS_ALIG_MEMBER)
#undef TFJS_ALIG_MEMBER
};

// What came of looking for the library, once a process.
struct CudaLibraryState {
  const CudaLibrary* library = nullptr;  // null: `problem` says why
  std::string path;                      // where it lies, or was looked for first
  std::string problem;
};

// Loads the library at the first call: that in build/cuda of the add-on's package, which was built
// from source, else the one that came with it, in prebuilds. TFJS_ALIG_CUDA_LIBRARY names another
// file in place of both. Never throws for what is missing or wrong.
const CudaLibraryState& cudaLibraryState();

// The library; throws std::runtime_error with the reason where there is none.
const CudaLibrary& cudaLibrary();

// The GPUs that this process can use, at least one; throws std::runtime_error with the reason where
// there is none (no library, no driver, an old driver, no GPU).
std::vector<TfjsAligCudaDevice> cudaDevices();

// Calls a function of the library, with its message as a std::runtime_error where it fails.
template <class... Parameters, class... Arguments>
void callCuda(int (*function)(Parameters...), Arguments... arguments) {
  char message[512] = "";
  if (function(arguments..., TfjsAligCudaError{message, sizeof message}) != 0) {
    throw std::runtime_error(message);
  }
}

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_CUDA_LOADED_LIBRARY_H_

// How a step comes after all other work of its GPU, of streams that are not known here.
#ifndef TFJS_ALIG_CUDA_WHOLE_DEVICE_H_
#define TFJS_ALIG_CUDA_WHOLE_DEVICE_H_

#include <cuda.h>

#include "cuda/runtime.h"

namespace tfjs_alig {

// What CUDA 12.5 added: an event for all that a context has been given, and what tells the context.
// They are looked up at run time, because a driver may be older than the toolkit.
struct ContextEvents {
  CUresult(CUDAAPI* getCurrent)(CUcontext*) = nullptr;
  CUresult(CUDAAPI* record)(CUcontext, CUevent) = nullptr;

  ContextEvents() {
#if CUDART_VERSION >= 12050
    const auto find = [](const char* name, auto& function) {
      void* found = nullptr;
      cudaDriverEntryPointQueryResult result = cudaDriverEntryPointSymbolNotFound;
      const cudaError_t status =
          cudaGetDriverEntryPointByVersion(name, &found, 12050, cudaEnableDefault, &result);
      if (status == cudaSuccess && result == cudaDriverEntryPointSuccess) {
        function = reinterpret_cast<std::decay_t<decltype(function)>>(found);
      }
      // CUDA remembers an error until it is asked for it.
      if (status != cudaSuccess) cudaGetLastError();
    };
    find("cuCtxGetCurrent", getCurrent);
    find("cuCtxRecordEvent", record);
#endif
  }
};

// All work that the current GPU has been given so far comes before what the stream is given next.
// The host waits for it where the driver has no event of a whole context.
inline void followDevice(const Stream& stream, const Event& event) {
  static const ContextEvents events;
  CUcontext context = nullptr;
  // One that is refused (while a stream of the context records a graph, say) is waited for as well.
  if (events.getCurrent && events.record && events.getCurrent(&context) == CUDA_SUCCESS &&
      context && events.record(context, event.get()) == CUDA_SUCCESS) {
    checkCuda(cudaStreamWaitEvent(stream.get(), event.get(), 0), "waiting for the GPU");
  } else {
    checkCuda(cudaDeviceSynchronize(), "waiting for the GPU");
  }
}

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_CUDA_WHOLE_DEVICE_H_

// As much of the CUDA runtime as the engine calls, on the CPU.
//
// NOTE [queued streams]
// Launches and asynchronous copies do not run when they are enqueued but when the host waits for
// them: a wait takes the next operation of a stream that the schedule chooses, until what it waits
// for is done. So host memory that is filled again too early, or read without a wait, gives wrong
// results here as it might on a GPU.
#include <cuda.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "simt/device.h"
#include "simt/neighbour.h"
#include "simt/observe.h"
#include "simt/scheduler.h"

// What the opaque handles of the CUDA runtime point to here.
struct CUevent_st {
  unsigned long long recorded = 0;
  unsigned long long done = 0;
  bool ofContext = false;
};
struct CUstream_st {
  struct Operation {
    std::function<void()> run;
    std::function<bool()> ready;  // null: at once
  };
  std::deque<Operation> operations;
  int device;
};

// native/test/allocation_faults.h
int deviceAllocationsLeft = -1;

namespace simt {

std::vector<unsigned> launchedBlocks;
std::vector<std::size_t> copiedBytes;
int launchesLeft = -1;
int freshByte = kFreshByte;

namespace {

cudaError_t lastError = cudaSuccess;

thread_local int currentDevice = 0;

// Where the arrays lie that CUDA is asked for, one after the other and again from the beginning:
// SIMT_MEMORY_DEVICES, as in 0,1 (default 0); -1 is the host's memory.
const std::vector<int>& devicesOfMemory() {
  static const std::vector<int> devices = [] {
    std::vector<int> list;
    const char* const wanted = std::getenv("SIMT_MEMORY_DEVICES");
    std::istringstream text(wanted ? wanted : "0");
    for (std::string each; std::getline(text, each, ',');) list.push_back(std::stoi(each));
    return list;
  }();
  return devices;
}

// What the last question was answered with; negative where none was asked.
int deviceOfMemory = -1;

int nextDeviceOfMemory() {
  static std::size_t asked = 0;
  return deviceOfMemory = devicesOfMemory()[asked++ % devicesOfMemory().size()];
}

int deviceCount() {
  const std::vector<int>& devices = devicesOfMemory();
  return std::max(0, *std::max_element(devices.begin(), devices.end())) + 1;
}
std::vector<std::unique_ptr<CUstream_st>> streams;

cudaError_t failed(cudaError_t error) { return lastError = error; }

// The stream that the next operation is taken from; null where none has one that is ready.
CUstream_st* nextStream() {
  std::vector<CUstream_st*> candidates;
  for (const auto& stream : streams) {
    if (stream->operations.empty()) continue;
    const auto& ready = stream->operations.front().ready;
    if (!ready || ready()) candidates.push_back(stream.get());
  }
  return candidates.empty() ? nullptr : candidates[nextOf(candidates.size())];
}

template <class Condition>
cudaError_t runUntil(const Condition& done) {
  while (!done()) {
    CUstream_st* const stream = nextStream();
    if (!stream) {
      std::fprintf(stderr, "SIMT error: the host waits for what was never enqueued\n");
      std::_Exit(kErrorExitCode);
    }
    const std::function<void()> operation = std::move(stream->operations.front().run);
    stream->operations.pop_front();
    void* const open = simtOpenMemory ? simtOpenMemory() : nullptr;
    operation();
    if (open) simtCloseMemory(open);
  }
  return cudaSuccess;
}

cudaError_t enqueue(cudaStream_t stream, std::function<void()> operation,
                    std::function<bool()> ready = nullptr) {
  const auto known = [&](const auto& each) { return each.get() == stream; };
  // The default stream is not modelled: the engine has its own.
  if (std::none_of(streams.begin(), streams.end(), known)) {
    return failed(cudaErrorInvalidResourceHandle);
  }
  stream->operations.push_back({std::move(operation), std::move(ready)});
  return cudaSuccess;
}

cudaError_t allocate(void** memory, std::size_t bytes) {
  if (deviceAllocationsLeft == 0) return failed(cudaErrorMemoryAllocation);
  if (deviceAllocationsLeft > 0) --deviceAllocationsLeft;
  if (posix_memalign(memory, 256, bytes)) return failed(cudaErrorMemoryAllocation);
  std::memset(*memory, freshByte, bytes);
  return cudaSuccess;
}

}  // namespace

cudaError_t enqueueLaunch(const cudaLaunchConfig_t& configuration, std::function<void()> kernel) {
  const dim3 grid = configuration.gridDim;
  const dim3 size = configuration.blockDim;
  const unsigned long long threads = 1ull * size.x * size.y * size.z;
  if (threads == 0 || threads > kMostThreads || size.z > 64 || grid.x == 0 || grid.x > 0x7fffffff ||
      grid.y == 0 || grid.y > 65535 || grid.z == 0 || grid.z > 65535) {
    return failed(cudaErrorInvalidConfiguration);
  }
  if (configuration.stream->device != currentDevice) return failed(cudaErrorInvalidResourceHandle);
  // The kernels of a GPU do not reach the memory of another one.
  if (deviceOfMemory >= 0 && deviceOfMemory != currentDevice) {
    return failed(cudaErrorIllegalAddress);
  }
  if (configuration.numAttrs != 0 || configuration.dynamicSmemBytes != 0) {
    return failed(cudaErrorNotSupported);
  }
  if (launchesLeft == 0) return failed(cudaErrorLaunchOutOfResources);
  if (launchesLeft > 0) --launchesLeft;
  launchedBlocks.push_back(grid.x);
  return enqueue(configuration.stream, [configuration, kernel] { runGrid(configuration, kernel); });
}

bool anythingWaits() {
  return std::any_of(streams.begin(), streams.end(),
                     [](const auto& stream) { return !stream->operations.empty(); });
}

namespace {

// What CUDA 12.5 added to the driver. SIMT_OLD_DRIVER is an older one.
CUresult getCurrentContext(CUcontext* context) {
  static char ofAll;
  *context = reinterpret_cast<CUcontext>(&ofAll);
  return CUDA_SUCCESS;
}

CUresult recordEventOfContext(CUcontext, CUevent event) {
  const unsigned long long number = ++event->recorded;
  event->ofContext = true;
  const auto left = std::make_shared<std::size_t>(1);
  const auto arrive = [=] {
    if (--*left == 0) event->done = number;
  };
  for (const auto& stream : streams) {
    if (stream->operations.empty()) continue;
    ++*left;
    stream->operations.push_back({arrive, nullptr});
  }
  arrive();
  return CUDA_SUCCESS;
}

}  // namespace
}  // namespace simt

extern "C" {

cudaError_t cudaMalloc(void** memory, std::size_t bytes) { return simt::allocate(memory, bytes); }
cudaError_t cudaMallocHost(void** memory, std::size_t bytes) {
  return simt::allocate(memory, bytes);
}
// Without the wait for the device that a real driver happens to do: nothing may rest on it.
cudaError_t cudaFree(void* memory) {
  std::free(memory);
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* memory) { return cudaFree(memory); }

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  if (kind == cudaMemcpyHostToDevice) simt::copiedBytes.push_back(bytes);
  return simt::enqueue(stream, [=] { std::memcpy(to, from, bytes); });
}

cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t stream) {
  return simt::enqueue(stream, [=] { std::memset(memory, value, bytes); });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  simt::streams.push_back(std::make_unique<CUstream_st>());
  *stream = simt::streams.back().get();
  (*stream)->device = simt::currentDevice;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return simt::runUntil([=] { return stream->operations.empty(); });
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  // Work that was enqueued is still done, as CUDA says.
  cudaStreamSynchronize(stream);
  const auto same = [&](const auto& each) { return each.get() == stream; };
  simt::streams.erase(std::find_if(simt::streams.begin(), simt::streams.end(), same));
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() {
  if (simtWaitForNeighbour) simtWaitForNeighbour();
  return simt::runUntil([] { return !simt::anythingWaits(); });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const unsigned long long number = ++event->recorded;
  return simt::enqueue(stream, [=] { event->done = number; });
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return simt::runUntil([=] { return event->done == event->recorded; });
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  // The neighbour's streams are threads of their own, which need no turn here.
  const auto wait = [=] {
    if (event->ofContext && simtWaitForNeighbour) simtWaitForNeighbour();
  };
  return simt::enqueue(stream, wait,
                       [=, number = event->recorded] { return event->done >= number; });
}
cudaError_t cudaGetDriverEntryPointByVersion(const char* symbol, void** function, unsigned,
                                             unsigned long long,
                                             cudaDriverEntryPointQueryResult* result) {
  const std::string name = symbol;
  *function = nullptr;
  if (name == "cuCtxGetCurrent") *function = reinterpret_cast<void*>(simt::getCurrentContext);
  if (name == "cuCtxRecordEvent" && !std::getenv("SIMT_OLD_DRIVER")) {
    *function = reinterpret_cast<void*>(simt::recordEventOfContext);
  }
  *result = *function ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  cudaEventSynchronize(event);
  delete event;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = simt::deviceCount();
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = simt::currentDevice;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= simt::deviceCount()) return simt::failed(cudaErrorInvalidDevice);
  simt::currentDevice = device;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device < 0 || device >= simt::deviceCount()) return simt::failed(cudaErrorInvalidDevice);
  *properties = {};
  std::snprintf(properties->name, sizeof properties->name, "SIMT on the CPU");
  properties->major = 9;
  properties->totalGlobalMem = std::size_t{1} << 30;
  return cudaSuccess;
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void*) {
  *attributes = {};
  attributes->device = simt::nextDeviceOfMemory();
  attributes->type = attributes->device < 0 ? cudaMemoryTypeUnregistered : cudaMemoryTypeDevice;
  return cudaSuccess;
}
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void*) {
  *attributes = {};
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaGetLastError() { return std::exchange(simt::lastError, cudaSuccess); }
const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidConfiguration:
      return "cudaErrorInvalidConfiguration";
    case cudaErrorInvalidDevice:
      return "cudaErrorInvalidDevice";
    case cudaErrorInvalidResourceHandle:
      return "cudaErrorInvalidResourceHandle";
    case cudaErrorIllegalAddress:
      return "cudaErrorIllegalAddress";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    default:
      return "another CUDA error";
  }
}
const char* cudaGetErrorString(cudaError_t error) { return cudaGetErrorName(error); }

}  // extern "C"

// How many blocks of kernels fit on a multiprocessor, by NVIDIA's cuda_occupancy.h, which needs no
// GPU: occupancy COMPUTE_CAPABILITY THREADS [REGISTERS SHARED_BYTES]... prints for each kernel the
// part of the multiprocessor's threads in percent.
#include <cuda_occupancy.h>

#include <cstdio>
#include <cstdlib>

namespace {

// "Technical Specifications per Compute Capability" of the CUDA programming guide.
struct Multiprocessor {
  int capability;
  int threads;
  std::size_t sharedMemory;
};
constexpr Multiprocessor kMultiprocessors[] = {
    {75, 1024, 64 << 10},  {80, 2048, 164 << 10},  {86, 1536, 100 << 10},  {89, 1536, 100 << 10},
    {90, 2048, 228 << 10}, {100, 2048, 228 << 10}, {120, 1536, 100 << 10},
};

int occupancy(const Multiprocessor& chip, int registers, std::size_t shared, int threads) {
  // Value initialisation: its default for the shared memory is not 0.
  cudaOccDeviceProp device{};
  device.computeMajor = chip.capability / 10;
  device.computeMinor = chip.capability % 10;
  device.maxThreadsPerBlock = 1024;
  device.maxThreadsPerMultiprocessor = chip.threads;
  device.regsPerBlock = 65536;
  device.regsPerMultiprocessor = 65536;
  device.warpSize = 32;
  device.sharedMemPerBlock = 48 << 10;
  device.sharedMemPerMultiprocessor = chip.sharedMemory;
  device.sharedMemPerBlockOptin = chip.sharedMemory - 1024;
  device.reservedSharedMemPerBlock = chip.capability >= 80 ? 1024 : 0;
  device.numSms = 1;
  cudaOccFuncAttributes kernel{};
  kernel.maxThreadsPerBlock = 1024;
  kernel.numRegs = registers;
  kernel.sharedSizeBytes = shared;
  kernel.partitionedGCConfig = PARTITIONED_GC_OFF;
  kernel.shmemLimitConfig = FUNC_SHMEM_LIMIT_DEFAULT;
  kernel.maxDynamicSharedSizeBytes = 48 << 10;
  kernel.numBlockBarriers = 1;
  const cudaOccDeviceState state{};
  cudaOccResult result{};
  if (cudaOccMaxActiveBlocksPerMultiprocessor(&result, &device, &kernel, &state, threads, 0) !=
      CUDA_OCC_SUCCESS) {
    return -1;
  }
  return 100 * result.activeBlocksPerMultiprocessor * threads / chip.threads;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3 || count % 2 == 0) return 2;
  for (const Multiprocessor& chip : kMultiprocessors) {
    if (chip.capability != std::atoi(arguments[1])) continue;
    const int threads = std::atoi(arguments[2]);
    for (int i = 3; i < count; i += 2) {
      std::printf("%d\n",
                  occupancy(chip, std::atoi(arguments[i]),
                            static_cast<std::size_t>(std::atoi(arguments[i + 1])), threads));
    }
    return 0;
  }
  return 2;
}

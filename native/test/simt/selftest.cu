// What the shim says it does, against what CUDA's programming guide says. No kernel of the engine.
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

namespace {

__global__ void shuffleWithPartialMasks(int* result) {
  const unsigned lane = threadIdx.x % 32;
  int value = static_cast<int>(threadIdx.x);
  if (lane < 16) {
    value = __shfl_xor_sync(0x0000ffffu, value, 1);
    value = __shfl_xor_sync(0x0000ffffu, value, 2);
  } else {
    value = __shfl_up_sync(0xffff0000u, value, 1, 16);
  }
  result[threadIdx.x] = value;
}

__global__ void shuffleInEighths(int* result) {
  const int value = static_cast<int>(threadIdx.x);
  result[threadIdx.x] = __shfl_down_sync(~0u, value, 3, 8) * 100 + __shfl_sync(~0u, value, 5, 8);
}

__global__ void ballot(unsigned* result) {
  result[threadIdx.x] = __ballot_sync(~0u, threadIdx.x % 3 == 0);
}

__global__ void reverseThroughSharedMemory(float* result) {
  __shared__ float values[96];
  values[threadIdx.x] = static_cast<float>(threadIdx.x);
  __syncthreads();
  result[threadIdx.x] = values[95 - threadIdx.x];
}

__global__ void exchangeInWarp(float* result) {
  __shared__ float values[32];
  values[threadIdx.x] = static_cast<float>(threadIdx.x);
  __syncwarp();
  result[threadIdx.x] = values[31 - threadIdx.x];
}

__global__ void numberThreads(int* result) {
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  const unsigned block = blockIdx.x + gridDim.x * blockIdx.y;
  result[block * blockDim.x * blockDim.y * blockDim.z + thread] =
      static_cast<int>(block * 1000 + thread);
}

// Where the runtime fills shared memory with NaN.
#if defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
__global__ void readUnwrittenSharedMemory(float* result) {
  __shared__ float values[32];
  if (threadIdx.x < 31) values[threadIdx.x] = 1.0f;
  __syncthreads();
  result[threadIdx.x] = values[threadIdx.x];
}
#endif

__global__ void shuffleFromLaneThatTakesNoPart(float* result) {
  if (threadIdx.x < 16) result[threadIdx.x] = __shfl_down_sync(0xffffu, 1.0f, 8);
}

__global__ void waitAtTwoBarriers() {
  if (threadIdx.x % 2 == 0) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

__global__ void endBeforeBarrier() {
  if (threadIdx.x < 7) return;
  __syncthreads();
}

__global__ void deadlock() {
  if (threadIdx.x == 0) {
    __syncwarp();
  } else {
    __syncthreads();
  }
}

__global__ void shuffleOutsideMask() { __shfl_sync(1u, 0, 0); }

cudaStream_t stream;
int failures = 0;

void expect(bool condition, const char* what) {
  if (condition) return;
  ++failures;
  std::printf("FAILED %s\n", what);
}

template <class... Parameters, class... Arguments>
cudaError_t launch(dim3 grid, dim3 block, void (*kernel)(Parameters...), Arguments... arguments) {
  cudaLaunchConfig_t configuration = {};
  configuration.gridDim = grid;
  configuration.blockDim = block;
  configuration.stream = stream;
  return cudaLaunchKernelEx(&configuration, kernel, arguments...);
}

// Runs a kernel that fills `size` elements.
template <class Element>
std::vector<Element> run(dim3 grid, dim3 block, std::size_t size, void (*kernel)(Element*)) {
  void* memory = nullptr;
  cudaMalloc(&memory, size * sizeof(Element));
  expect(launch(grid, block, kernel, static_cast<Element*>(memory)) == cudaSuccess, "launch");
  std::vector<Element> result(size);
  cudaMemcpyAsync(result.data(), memory, size * sizeof(Element), cudaMemcpyDeviceToHost, stream);
  cudaStreamSynchronize(stream);
  cudaFree(memory);
  return result;
}

// In a process of its own, because the shim ends it with exit code 86.
void expectRefused(void (*kernel)(), const char* what) {
  const pid_t child = fork();
  if (child == 0) {
    if (!std::freopen("/dev/null", "w", stderr)) _exit(1);
    launch(1, 64, kernel);
    cudaStreamSynchronize(stream);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  expect(WIFEXITED(status) && WEXITSTATUS(status) == 86, what);
}

void testKernels() {
  const auto partial = run(1, 64, 64, shuffleWithPartialMasks);
  expect(partial[0] == 3 && partial[7] == 4 && partial[16] == 16 && partial[17] == 16 &&
             partial[63] == 62 && partial[47] == 44,
         "shuffles with partial masks");
  const auto eighths = run(1, 32, 32, shuffleInEighths);
  expect(eighths[0] == 305 && eighths[6] == 605 && eighths[9] == 1213, "shuffles of width 8");
  const auto ballots = run(1, 32, 32, ballot);
  expect(ballots[0] == 0x49249249u && ballots[31] == 0x49249249u, "ballot");
  const auto reversed = run(1, 96, 96, reverseThroughSharedMemory);
  expect(reversed[0] == 95.0f && reversed[95] == 0.0f, "shared memory and a barrier");
  const auto exchanged = run(1, 32, 32, exchangeInWarp);
  expect(exchanged[0] == 31.0f && exchanged[31] == 0.0f, "shared memory and __syncwarp");
  const auto numbers = run(dim3(3, 2), dim3(4, 2, 3), 6 * 24, numberThreads);
  expect(numbers[0] == 0 && numbers[5 * 24 + 23] == 5023, "indices in three dimensions");
  const auto noPart = run(1, 32, 32, shuffleFromLaneThatTakesNoPart);
  expect(noPart[0] == 1.0f && std::isnan(noPart[8]), "a lane that takes no part gives NaN");
#if defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
  const auto unwritten = run(1, 32, 32, readUnwrittenSharedMemory);
  expect(unwritten[30] == 1.0f && std::isnan(unwritten[31]), "unwritten shared memory is NaN");
#endif
}

void testRefusals() {
  float* const nothing = nullptr;
  expect(launch(0, 32, exchangeInWarp, nothing) == cudaErrorInvalidConfiguration, "an empty grid");
  expect(launch(1, 2048, exchangeInWarp, nothing) == cudaErrorInvalidConfiguration,
         "a block of 2,048 threads");
  expect(cudaGetLastError() == cudaErrorInvalidConfiguration, "the last error is kept");
  expect(cudaGetLastError() == cudaSuccess, "the last error is given once");
  expectRefused(waitAtTwoBarriers, "threads at different barriers");
  expectRefused(endBeforeBarrier, "a barrier that some threads never reach");
  expectRefused(deadlock, "a deadlock");
  expectRefused(shuffleOutsideMask, "a mask without its caller");
}

void testStreams() {
  int source = 1;
  int target = 0;
  cudaEvent_t event = nullptr;
  cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  cudaMemcpyAsync(&target, &source, sizeof source, cudaMemcpyHostToHost, stream);
  expect(target == 0, "a copy does not run before a wait");
  cudaEventRecord(event, stream);
  cudaEventSynchronize(event);
  expect(target == 1, "an event is done after what was enqueued before it");
  source = 2;
  cudaMemcpyAsync(&target, &source, sizeof source, cudaMemcpyHostToHost, stream);
  source = 3;
  cudaDeviceSynchronize();
  expect(target == 3, "a copy reads its source when it runs");
  cudaEventDestroy(event);
}

}  // namespace

int main() {
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  testRefusals();
  testKernels();
  testStreams();
  cudaStreamDestroy(stream);
  std::printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}

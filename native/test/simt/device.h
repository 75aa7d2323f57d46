// Lets a host compiler take a .cu file as C++ and run its kernels on the CPU, for checks on
// machines without a GPU: compiled with `-x c++ -include simt/device.h`. Each CUDA thread is a
// fiber (scheduler.cc). Only what is defined here exists: another built-in of CUDA is a compile
// error, never a stub that does nothing.
#ifndef TFJS_ALIG_TEST_SIMT_DEVICE_H_
#define TFJS_ALIG_TEST_SIMT_DEVICE_H_

#if defined(__CUDACC__)
#error "simt/device.h takes nvcc's place"
#endif

#if defined(__clang__)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

// Shared memory is static: blocks run one after another. Address sanitizer guards statics by
// itself. Else clang puts them in a section of their own, which the runtime fills with NaN before
// each block; g++ drops the attribute on statics of function templates.
#if defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define __shared__ static __attribute__((section("simt_shared"), aligned(4096)))
#else
#define __shared__ static
#endif

// NVIDIA's own types and prototypes: a call with a wrong signature does not compile.
#include <cuda_runtime.h>

#include <cmath>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace simt {

// What the built-in variables of a CUDA thread say.
struct Thread {
  uint3 threadIndex;
  uint3 blockIndex;
  dim3 blockSize;
  dim3 gridSize;
};
extern Thread* currentThread;

enum class WarpOperation { kSync, kShuffle, kShuffleUp, kShuffleDown, kShuffleXor, kBallot };

// A call site in the kernel, for messages. With clang the column tells two barriers of one line
// apart.
struct Site {
  const char* file;
  int line;
  int column;
};

void syncThreads(Site site);
unsigned long long warpOperation(WarpOperation operation, unsigned mask, int argument, int width,
                                 unsigned long long value, unsigned size, Site site);

// A fence orders what its thread does before and after it with other blocks: together with an
// atomic operation after the one and before the other. The race detector takes nothing else for
// order.
void threadFence();
unsigned atomicIncrement(unsigned* address, unsigned limit);

// Queues a launch in its stream.
cudaError_t enqueueLaunch(const cudaLaunchConfig_t& configuration, std::function<void()> kernel);

template <class... Parameters, class... Arguments>
cudaError_t launchKernel(const cudaLaunchConfig_t* configuration, void (*kernel)(Parameters...),
                         Arguments&&... arguments) {
  // Parameters are copied at the launch, and again for each thread, as on a GPU.
  std::tuple<std::decay_t<Parameters>...> copies(
      static_cast<Parameters>(std::forward<Arguments>(arguments))...);
  return enqueueLaunch(*configuration, [kernel, copies] { std::apply(kernel, copies); });
}

template <class Value>
Value shuffle(WarpOperation operation, unsigned mask, Value value, int argument, int width,
              Site site) {
  static_assert(std::is_arithmetic<Value>::value && (sizeof(Value) == 4 || sizeof(Value) == 8),
                "CUDA does not shuffle this type");
  unsigned long long bits = 0;
  // Not memcpy: thread sanitizer would see a function of the runtime touch a fiber's stack.
  __builtin_memcpy(&bits, &value, sizeof value);
  bits = warpOperation(operation, mask, argument, width, bits, sizeof value, site);
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

// Objects and not macros, because cudaLaunchConfig_t has members with these names. With clang (and
// -fdeclspec) their components have the type unsigned, as in CUDA.
#if defined(__clang__)
#define SIMT_BUILT_IN(Name, member)                            \
  struct Name {                                                \
    __declspec(property(get = getX)) unsigned x;               \
    __declspec(property(get = getY)) unsigned y;               \
    __declspec(property(get = getZ)) unsigned z;               \
    static unsigned getX() { return currentThread->member.x; } \
    static unsigned getY() { return currentThread->member.y; } \
    static unsigned getZ() { return currentThread->member.z; } \
  }
#else
#define SIMT_BUILT_IN(Name, member)                                 \
  struct Name {                                                     \
    struct X {                                                      \
      operator unsigned() const { return currentThread->member.x; } \
    } x;                                                            \
    struct Y {                                                      \
      operator unsigned() const { return currentThread->member.y; } \
    } y;                                                            \
    struct Z {                                                      \
      operator unsigned() const { return currentThread->member.z; } \
    } z;                                                            \
  }
#endif
SIMT_BUILT_IN(ThreadIndex, threadIndex);
SIMT_BUILT_IN(BlockIndex, blockIndex);
SIMT_BUILT_IN(BlockSize, blockSize);
SIMT_BUILT_IN(GridSize, gridSize);
#undef SIMT_BUILT_IN

}  // namespace simt

static constexpr simt::ThreadIndex threadIdx{};
static constexpr simt::BlockIndex blockIdx{};
static constexpr simt::BlockSize blockDim{};
static constexpr simt::GridSize gridDim{};

#define cudaLaunchKernelEx ::simt::launchKernel

#if !defined(__launch_bounds__)
#define __launch_bounds__(...)
#endif

#if defined(__clang__)
#define SIMT_SITE simt::Site site = {__builtin_FILE(), __builtin_LINE(), __builtin_COLUMN()}
#else
#define SIMT_SITE simt::Site site = {__builtin_FILE(), __builtin_LINE(), 0}
#endif

inline void __syncthreads(SIMT_SITE) { simt::syncThreads(site); }
inline void __syncwarp(unsigned mask = 0xffffffffu, SIMT_SITE) {
  simt::warpOperation(simt::WarpOperation::kSync, mask, 0, 32, 0, 0, site);
}
template <class Value>
Value __shfl_sync(unsigned mask, Value value, int source, int width = 32, SIMT_SITE) {
  return simt::shuffle(simt::WarpOperation::kShuffle, mask, value, source, width, site);
}
template <class Value>
Value __shfl_up_sync(unsigned mask, Value value, unsigned delta, int width = 32, SIMT_SITE) {
  return simt::shuffle(simt::WarpOperation::kShuffleUp, mask, value, static_cast<int>(delta), width,
                       site);
}
template <class Value>
Value __shfl_down_sync(unsigned mask, Value value, unsigned delta, int width = 32, SIMT_SITE) {
  return simt::shuffle(simt::WarpOperation::kShuffleDown, mask, value, static_cast<int>(delta),
                       width, site);
}
template <class Value>
Value __shfl_xor_sync(unsigned mask, Value value, int bits, int width = 32, SIMT_SITE) {
  return simt::shuffle(simt::WarpOperation::kShuffleXor, mask, value, bits, width, site);
}
inline unsigned __ballot_sync(unsigned mask, int predicate, SIMT_SITE) {
  return static_cast<unsigned>(simt::warpOperation(simt::WarpOperation::kBallot, mask, 0, 32,
                                                   predicate != 0, sizeof(unsigned), site));
}
#undef SIMT_SITE
inline void __threadfence() { simt::threadFence(); }
inline unsigned atomicInc(unsigned* address, unsigned limit) {
  return simt::atomicIncrement(address, limit);
}

#if !defined(__clang__)
#define __builtin_assume(condition) static_cast<void>(condition)
#endif
__attribute__((const)) inline unsigned __isGlobal(const void*) { return 1; }

#endif  // TFJS_ALIG_TEST_SIMT_DEVICE_H_

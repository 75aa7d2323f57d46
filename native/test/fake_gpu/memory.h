// The fake GPU's memory: an arena of this process that is closed to it, so that what reads or
// writes it outside of an operation of the GPU ends with SIGSEGV.
#ifndef TFJS_ALIG_TEST_FAKE_GPU_MEMORY_H_
#define TFJS_ALIG_TEST_FAKE_GPU_MEMORY_H_

#include <cstddef>

namespace fake_gpu {

// Address space alone, until it is used. TensorFlow leaves 225 MB of each device to others.
constexpr std::size_t kMemoryBytes = std::size_t{4} << 30;

// Null where too little is left. TensorFlow's own allocator divides it up, and never gives it back.
void* allocate(std::size_t bytes);

// The memory is open as long as one of these lives.
class OpenMemory {
 public:
  OpenMemory();
  ~OpenMemory();
  OpenMemory(const OpenMemory&) = delete;
  OpenMemory& operator=(const OpenMemory&) = delete;
};

}  // namespace fake_gpu

#endif  // TFJS_ALIG_TEST_FAKE_GPU_MEMORY_H_

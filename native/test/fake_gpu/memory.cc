#include "fake_gpu/memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <mutex>

namespace fake_gpu {
namespace {

std::mutex mutex;
int open = 0;
std::size_t used = 0;

char* arena() {
  static void* const memory =
      mmap(nullptr, kMemoryBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  return static_cast<char*>(memory);
}

void protect(int protection) {
  if (mprotect(arena(), kMemoryBytes, protection) != 0) std::abort();
}

}  // namespace

void* allocate(std::size_t bytes) {
  constexpr std::size_t kAlignment = 256;
  const std::lock_guard<std::mutex> lock(mutex);
  const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (rounded > kMemoryBytes - used) return nullptr;
  used += rounded;
  return arena() + used - rounded;
}

OpenMemory::OpenMemory() {
  const std::lock_guard<std::mutex> lock(mutex);
  if (open++ == 0) protect(PROT_READ | PROT_WRITE);
}

OpenMemory::~OpenMemory() {
  const std::lock_guard<std::mutex> lock(mutex);
  if (--open == 0) protect(PROT_NONE);
}

}  // namespace fake_gpu

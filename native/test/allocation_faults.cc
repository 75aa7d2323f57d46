#include "allocation_faults.h"

#include <cstdlib>
#include <new>

thread_local int hostAllocationsLeft = -1;

#if TFJS_ALIG_HOST_ALLOCATIONS_FAIL
void* operator new(std::size_t bytes) {
  if (hostAllocationsLeft == 0) throw std::bad_alloc();
  if (hostAllocationsLeft > 0) --hostAllocationsLeft;
  if (void* const memory = std::malloc(bytes > 0 ? bytes : 1)) return memory;
  throw std::bad_alloc();
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

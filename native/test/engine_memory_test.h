// The CUDA engine's use of memory: alignment, arrays of more than 2^32 elements, blocks without
// work, and memory that is given back while steps are enqueued.
#ifndef TFJS_ALIG_TEST_ENGINE_MEMORY_TEST_H_
#define TFJS_ALIG_TEST_ENGINE_MEMORY_TEST_H_

namespace tfjs_alig {

// Returns how many runs were made.
int testMemory();

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_TEST_ENGINE_MEMORY_TEST_H_

// Buffers for the tensors that our TensorFlow op makes.
#ifndef TFJS_ALIG_TENSORFLOW_BUFFER_POOL_H_
#define TFJS_ALIG_TENSORFLOW_BUFFER_POOL_H_

#include <cstddef>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace tfjs_alig {

// NOTE [buffer ownership]
// A step never writes into the buffer behind a parameter that JavaScript can see: TensorFlow may
// share it with the user's own typed array or with a reshaped alias, and no reference count tells.
// New parameters come in a buffer of this pool, which TensorFlow gives back (release) only when
// the last tensor over it is gone. A training then swaps between two sets of buffers, without
// page faults, and a snapshot that the user keeps is never overwritten.
class BufferPool {
 public:
  // The pool of the process. It is never destroyed: TensorFlow may give buffers back at exit.
  static BufferPool& instance();

  // At least `bytes` bytes, aligned to 64. Throws std::bad_alloc.
  void* take(std::size_t bytes);
  void release(void* buffer);

 private:
  std::mutex mutex_;
  std::unordered_map<std::size_t, std::vector<void*>> free_;  // by capacity
  std::unordered_map<void*, std::size_t> taken_;              // capacity
  std::size_t freeBytes_ = 0;
  std::size_t takenBytes_ = 0;
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_TENSORFLOW_BUFFER_POOL_H_

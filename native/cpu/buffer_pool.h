// Buffers for the tensors that our TensorFlow op makes, and for what a step needs beside them.
#ifndef TFJS_ALIG_CPU_BUFFER_POOL_H_
#define TFJS_ALIG_CPU_BUFFER_POOL_H_

#include <cstddef>
#include <mutex>
#include <unordered_map>

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

  // At least `bytes` bytes, aligned to 64. Where the system has no memory left, what lies here
  // unused is given back to it first; throws std::runtime_error where that does not help, either,
  // and it says how much was asked for.
  void* take(std::size_t bytes);
  // `bytes` as it was taken. Allocates nothing: TensorFlow could not be told of a failure.
  void release(void* buffer, std::size_t bytes);

 private:
  // An unused buffer, which holds in itself the next one of its size.
  struct Unused {
    Unused* next;
  };
  // The buffers of one size.
  struct Size {
    Unused* unused = nullptr;
    std::size_t taken = 0;
  };

  // Gives unused buffers back until no more than so many bytes are left.
  void shrink(std::size_t bytes);

  std::mutex mutex_;
  std::unordered_map<std::size_t, Size> sizes_;  // by capacity
  std::size_t freeBytes_ = 0;
  std::size_t takenBytes_ = 0;
};

// Numbers in a buffer of the pool.
class PooledFloats {
 public:
  explicit PooledFloats(std::size_t count)
      : bytes_(count * sizeof(float)),
        data_(static_cast<float*>(BufferPool::instance().take(bytes_))) {}
  ~PooledFloats() { BufferPool::instance().release(data_, bytes_); }
  PooledFloats(const PooledFloats&) = delete;
  PooledFloats& operator=(const PooledFloats&) = delete;

  float* data() { return data_; }

 private:
  std::size_t bytes_;
  float* data_;
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_CPU_BUFFER_POOL_H_

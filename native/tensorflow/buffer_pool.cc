#include "tensorflow/buffer_pool.h"

#include <cstdlib>
#include <new>

#if defined(_WIN32)
#include <malloc.h>
#endif

namespace tfjs_alig {
namespace {

constexpr std::size_t kAlignment = 64;  // TensorFlow copies what is aligned to less

// What may lie unused beside as much again as is in use: a training keeps the second set of its
// buffers, and a program that has disposed of its model gets its memory back.
constexpr std::size_t kSpareBytes = 16u << 20;

#if defined(_WIN32)
// Its C library has no std::aligned_alloc.
void* allocate(std::size_t bytes) { return _aligned_malloc(bytes, kAlignment); }
void deallocate(void* buffer) { _aligned_free(buffer); }
#else
void* allocate(std::size_t bytes) { return std::aligned_alloc(kAlignment, bytes); }
void deallocate(void* buffer) { std::free(buffer); }
#endif

}  // namespace

BufferPool& BufferPool::instance() {
  static BufferPool* const pool = new BufferPool;
  return *pool;
}

void* BufferPool::take(std::size_t bytes) {
  const std::size_t capacity = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  const std::lock_guard<std::mutex> lock(mutex_);
  void* buffer;
  std::vector<void*>& fitting = free_[capacity];
  if (fitting.empty()) {
    buffer = allocate(capacity);
    if (!buffer) throw std::bad_alloc();
  } else {
    buffer = fitting.back();
    fitting.pop_back();
    freeBytes_ -= capacity;
  }
  taken_[buffer] = capacity;
  takenBytes_ += capacity;
  return buffer;
}

void BufferPool::release(void* buffer) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = taken_.find(buffer);
  const std::size_t capacity = found->second;
  taken_.erase(found);
  takenBytes_ -= capacity;
  free_[capacity].push_back(buffer);
  freeBytes_ += capacity;
  // Largest first would be the better fit, but any order bounds the memory, and this is rare.
  for (auto& [size, buffers] : free_) {
    while (freeBytes_ > takenBytes_ + kSpareBytes && !buffers.empty()) {
      deallocate(buffers.back());
      buffers.pop_back();
      freeBytes_ -= size;
    }
  }
}

}  // namespace tfjs_alig

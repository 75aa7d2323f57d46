#include "tensorflow/buffer_pool.h"

#include <cstdlib>
#include <new>

namespace tfjs_alig {
namespace {

constexpr std::size_t kAlignment = 64;  // TensorFlow copies what is aligned to less

// What may lie unused beside as much again as is in use: a training keeps the second set of its
// buffers, and a program that has disposed of its model gets its memory back.
constexpr std::size_t kSpareBytes = 16u << 20;

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
    buffer = std::aligned_alloc(kAlignment, capacity);
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
      std::free(buffers.back());
      buffers.pop_back();
      freeBytes_ -= size;
    }
  }
}

}  // namespace tfjs_alig

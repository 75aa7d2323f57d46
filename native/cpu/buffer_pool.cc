#include "cpu/buffer_pool.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <new>
#include <stdexcept>
#include <string>

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

// At least one cache line, so that a buffer can hold an Unused.
std::size_t capacityOf(std::size_t bytes) {
  return std::max<std::size_t>(1, (bytes + kAlignment - 1) / kAlignment) * kAlignment;
}

std::string megabytes(std::size_t bytes) { return std::to_string(bytes / 1'000'000) + " MB"; }

std::string explainNoMemory(std::size_t bytes, std::size_t taken, std::size_t unused) {
  return "the step asked for " + std::to_string(bytes) + " bytes (" + megabytes(bytes) +
         ") for the new values of a tensor, and the system has not that much left (" +
         megabytes(taken) + " are in use by such tensors, and " + megabytes(unused) +
         " that were not were given back first); nothing was changed: dispose of tensors and "
         "models that are no longer needed (tf.tidy, tf.dispose), or give the process more memory";
}

}  // namespace

BufferPool& BufferPool::instance() {
  static BufferPool* const pool = new BufferPool;
  return *pool;
}

void* BufferPool::take(std::size_t bytes) {
  const std::size_t capacity = capacityOf(bytes);
  const std::lock_guard<std::mutex> lock(mutex_);
  Size& size = sizes_[capacity];
  // Counted first: shrink drops the entry of a size that has none.
  ++size.taken;
  void* buffer = size.unused;
  if (buffer) {
    size.unused = size.unused->next;
    freeBytes_ -= capacity;
  } else {
    buffer = allocate(capacity);
    const std::size_t unused = freeBytes_;
    if (!buffer) {
      shrink(0);
      buffer = allocate(capacity);
    }
    if (!buffer) {
      --size.taken;
      throw std::runtime_error(explainNoMemory(bytes, takenBytes_, unused));
    }
  }
  takenBytes_ += capacity;
  return buffer;
}

void BufferPool::release(void* buffer, std::size_t bytes) {
  const std::size_t capacity = capacityOf(bytes);
  const std::lock_guard<std::mutex> lock(mutex_);
  Size& size = sizes_.find(capacity)->second;
  --size.taken;
  takenBytes_ -= capacity;
  size.unused = new (buffer) Unused{size.unused};
  freeBytes_ += capacity;
  if (freeBytes_ > takenBytes_ + kSpareBytes) shrink(takenBytes_ + kSpareBytes);
}

void BufferPool::shrink(std::size_t bytes) {
  // Largest first would be the better fit, but any order bounds the memory, and this is rare.
  for (auto entry = sizes_.begin(); entry != sizes_.end();) {
    Size& size = entry->second;
    while (freeBytes_ > bytes && size.unused) {
      Unused* const buffer = size.unused;
      size.unused = buffer->next;
      deallocate(buffer);
      freeBytes_ -= entry->first;
    }
    // A program that makes tensors of ever new sizes would leave an entry for each.
    const bool isEmpty = !size.unused && size.taken == 0;
    entry = isEmpty ? sizes_.erase(entry) : std::next(entry);
  }
}

}  // namespace tfjs_alig

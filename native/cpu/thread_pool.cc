#include "cpu/thread_pool.h"

#include <algorithm>
#include <exception>
#include <thread>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace tfjs_alig {
namespace {

// About 20 us where a pause takes 140 cycles, as on Intel's servers: enough for the few
// microseconds between two loops of a step, and no more than it costs to wake a thread that sleeps.
constexpr int kPauses = 400;

void pause() {
#if defined(__SSE2__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

template <class Condition>
void spinUntil(const Condition& condition) {
  for (int i = 0; i < kPauses && !condition(); ++i) pause();
}

}  // namespace

ThreadPool& ThreadPool::instance() {
  static ThreadPool* const pool = new ThreadPool;
  return *pool;
}

void ThreadPool::run(std::size_t count, int threads, const Work& work) {
  const std::unique_lock<std::mutex> turn(turn_, std::try_to_lock);
  if (threads <= 1 || count <= 1 || !turn.owns_lock()) {
    for (std::size_t i = 0; i < count; ++i) work(i);
    return;
  }
  const int helpers = static_cast<int>(std::min(static_cast<std::size_t>(threads), count)) - 1;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    startThreads(helpers);
    work_ = &work;
    count_ = count;
    next_.store(0, std::memory_order_relaxed);
    places_.store(helpers, std::memory_order_relaxed);
  }
  workWaits_.notify_all();
  takePieces();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    places_.store(0, std::memory_order_relaxed);
  }
  const auto empty = [this] { return inside_.load(std::memory_order_acquire) == 0; };
  spinUntil(empty);
  std::unique_lock<std::mutex> lock(mutex_);
  allLeft_.wait(lock, empty);
}

void ThreadPool::startThreads(int wanted) {
  try {
    for (; started_ < wanted; ++started_) std::thread(&ThreadPool::serve, this).detach();
  } catch (const std::exception&) {
    // The system gives no more threads, or no memory for one; those that there are do the work.
  }
}

void ThreadPool::serve() {
  const auto placeFree = [this] { return places_.load(std::memory_order_relaxed) > 0; };
  for (;;) {
    spinUntil(placeFree);
    std::unique_lock<std::mutex> lock(mutex_);
    workWaits_.wait(lock, placeFree);
    places_.fetch_sub(1, std::memory_order_relaxed);
    inside_.fetch_add(1, std::memory_order_relaxed);
    lock.unlock();
    takePieces();
    lock.lock();
    if (inside_.fetch_sub(1, std::memory_order_release) == 1) allLeft_.notify_one();
  }
}

void ThreadPool::takePieces() {
  for (;;) {
    const std::size_t i = next_.fetch_add(1, std::memory_order_relaxed);
    if (i >= count_) return;
    (*work_)(i);
  }
}

}  // namespace tfjs_alig

// The threads that help the caller of a step.
#ifndef TFJS_ALIG_CPU_THREAD_POOL_H_
#define TFJS_ALIG_CPU_THREAD_POOL_H_

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace tfjs_alig {

// NOTE [threads without a barrier]
// A step shares the cores with TensorFlow's pool and whatever else the machine runs. OpenMP's
// threads all have to arrive at the end of each loop, and libgomp's spin for 3 ms after it:
// on 2 busy cores (18 tensors, 738,000 parameters, a small conv net) the median step took 16 ms
// with 2 threads of OpenMP, 1.1 ms with one, and 1.1 ms with 2 of these. So here the caller never
// waits for a thread that has not come yet: all take pieces from one counter, the caller too, and
// only a piece that a thread has begun is waited for. Who finds nothing to do spins for some
// microseconds, no longer than a wake-up costs, and then sleeps.
class ThreadPool {
 public:
  // Something to call with a number, which it does not hold. Not std::function, which may allocate:
  // NOTE [nothing is half done].
  class Work {
   public:
    template <class Callable>
    Work(const Callable& callable)
        : callable_(&callable), call_([](const void* object, std::size_t i) {
            (*static_cast<const Callable*>(object))(i);
          }) {}

    void operator()(std::size_t i) const { call_(callable_, i); }

   private:
    const void* callable_;
    void (*call_)(const void* callable, std::size_t i);
  };

  // The one pool of the process. It is never destroyed: its threads outlive the end of main().
  static ThreadPool& instance();

  // Calls work(i) for each i < count, in any order, on the calling thread and at most
  // `threads` - 1 others, and returns when all calls have. `work` must not throw. Where another
  // caller has the pool the calling thread does all by itself.
  void run(std::size_t count, int threads, const Work& work);

 private:
  ThreadPool() = default;

  void startThreads(int wanted);
  void serve();
  void takePieces();

  std::mutex turn_;  // held by the caller whose work is done

  std::mutex mutex_;  // guards what follows; atomics are also read without it
  std::condition_variable workWaits_;
  std::condition_variable allLeft_;
  int started_ = 0;
  std::atomic<int> places_{0};  // how many threads may still join
  std::atomic<int> inside_{0};  // how many have joined and not left

  const Work* work_ = nullptr;
  std::size_t count_ = 0;
  std::atomic<std::size_t> next_{0};
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_CPU_THREAD_POOL_H_

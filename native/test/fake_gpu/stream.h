// The fake GPU's streams: each a thread that runs what was enqueued, some time after.
#ifndef TFJS_ALIG_TEST_FAKE_GPU_STREAM_H_
#define TFJS_ALIG_TEST_FAKE_GPU_STREAM_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace fake_gpu {

using Operation = std::function<void()>;

struct Stream {
 public:
  Stream();
  ~Stream();

  // Runs after what was enqueued before, at once.
  void enqueue(Operation operation);
  // The same, late and with the memory open: a copy or a kernel.
  void enqueueLate(Operation operation);
  void wait();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Operation> operations_;
  bool busy_ = false;
  bool ends_ = false;
  std::thread thread_;
};

// Waits for all streams of all devices.
void waitForStreams();

// Streams may still hold what it points to when it is destroyed.
struct Event {
 public:
  void recordIn(Stream& stream);
  void waitIn(Stream& stream) const;
  void wait() const;
  bool isDone() const;

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::uint64_t recorded = 0;
    std::uint64_t done = 0;
  };
  static void waitFor(State& state, std::uint64_t number);
  std::uint64_t recorded() const;

  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace fake_gpu

#endif  // TFJS_ALIG_TEST_FAKE_GPU_STREAM_H_

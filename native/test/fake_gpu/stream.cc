#include "fake_gpu/stream.h"

#include <chrono>
#include <cstdlib>
#include <set>
#include <utility>
#include <vector>

#include "fake_gpu/memory.h"

namespace fake_gpu {
namespace {

// FAKE_GPU_DELAY, in microseconds. By default a little more than a step takes to be enqueued.
std::chrono::microseconds delay() {
  static const char* const given = std::getenv("FAKE_GPU_DELAY");
  return std::chrono::microseconds(given ? std::atoi(given) : 300);
}

std::mutex streamsMutex;
std::set<Stream*> streams;

}  // namespace

Stream::Stream() : thread_([this] { run(); }) {
  const std::lock_guard<std::mutex> lock(streamsMutex);
  streams.insert(this);
}

Stream::~Stream() {
  {
    const std::lock_guard<std::mutex> lock(streamsMutex);
    streams.erase(this);
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ends_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void Stream::enqueue(Operation operation) {
  const std::lock_guard<std::mutex> lock(mutex_);
  operations_.push_back(std::move(operation));
  changed_.notify_all();
}

void Stream::enqueueLate(Operation operation) {
  enqueue([operation = std::move(operation)] {
    std::this_thread::sleep_for(delay());
    const OpenMemory open;
    operation();
  });
}

void Stream::wait() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return operations_.empty() && !busy_; });
}

void Stream::run() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ends_ || !operations_.empty(); });
    if (operations_.empty()) return;
    const Operation operation = std::move(operations_.front());
    operations_.pop_front();
    busy_ = true;
    lock.unlock();
    operation();
    lock.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

void waitForStreams() {
  std::vector<Stream*> all;
  {
    const std::lock_guard<std::mutex> lock(streamsMutex);
    all.assign(streams.begin(), streams.end());
  }
  for (Stream* const stream : all) stream->wait();
}

std::uint64_t Event::recorded() const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->recorded;
}

void Event::waitFor(State& state, std::uint64_t number) {
  std::unique_lock<std::mutex> lock(state.mutex);
  state.changed.wait(lock, [&] { return state.done >= number; });
}

void Event::recordIn(Stream& stream) {
  std::uint64_t number = 0;
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    number = ++state_->recorded;
  }
  stream.enqueue([state = state_, number] {
    const std::lock_guard<std::mutex> lock(state->mutex);
    state->done = number;
    state->changed.notify_all();
  });
}

void Event::waitIn(Stream& stream) const {
  stream.enqueue([state = state_, number = recorded()] { waitFor(*state, number); });
}

void Event::wait() const { waitFor(*state_, recorded()); }

bool Event::isDone() const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->done >= state_->recorded;
}

}  // namespace fake_gpu

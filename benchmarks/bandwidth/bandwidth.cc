// How fast this machine's memory is: loops with next to no arithmetic over whole Float32Arrays. The
// classic ones (read, copy, triad, as STREAM has them) and the passes of an ALI-G step, whose time
// is the floor for the step. They share the work among threads as the step does, by its own pool:
// OpenMP's threads would go on spinning while the next contender is timed.
#include <napi.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "cpu/thread_pool.h"

namespace {

constexpr std::size_t kPiece = 65536;  // elements; the step takes as many at a time

// 16 floats at any address of a float.
using Vector __attribute__((vector_size(64), aligned(4), may_alias)) = float;

struct Floats {
  float* data;
  std::size_t size;
};

Floats floats(const Napi::Value& value) {
  auto array = value.As<Napi::Float32Array>();
  return {array.Data(), array.ElementLength()};
}

int threads(const Napi::Value& value) { return value.As<Napi::Number>().Int32Value(); }

// Calls work(begin, end) for pieces that cover all elements.
template <class Work>
void forEachPiece(std::size_t size, int threadCount, const Work& work) {
  tfjs_alig::ThreadPool::instance().run(
      (size + kPiece - 1) / kPiece, threadCount,
      [&](std::size_t piece) { work(piece * kPiece, std::min(size, (piece + 1) * kPiece)); });
}

float sum(Floats values, int threadCount) {
  std::vector<float> sums((values.size + kPiece - 1) / kPiece);
  const float* const data = values.data;
  forEachPiece(values.size, threadCount, [&](std::size_t begin, std::size_t end) {
    // Four independent sums of 16 each: with one, additions would wait for each other longer than
    // for the cache.
    Vector totals[4] = {};
    std::size_t i = begin;
    for (; i + 64 <= end; i += 64) {
      for (std::size_t k = 0; k < 4; ++k) {
        totals[k] += *reinterpret_cast<const Vector*>(data + i + 16 * k);
      }
    }
    float total = 0.0f;
    for (; i < end; ++i) total += data[i];
    const Vector all = (totals[0] + totals[1]) + (totals[2] + totals[3]);
    for (std::size_t lane = 0; lane < 16; ++lane) total += all[lane];
    sums[begin / kPiece] = total;
  });
  float total = 0.0f;
  for (const float part : sums) total += part;
  return total;
}

// read(a, threads): 4 bytes an element. The sum is returned so that the loop can't be left out.
Napi::Value read(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), sum(floats(info[0]), threads(info[1])));
}

// copy(a, b, threads): b = a, 8 bytes an element.
Napi::Value copy(const Napi::CallbackInfo& info) {
  const Floats a = floats(info[0]);
  float* const b = floats(info[1]).data;
  forEachPiece(a.size, threads(info[2]), [&](std::size_t begin, std::size_t end) {
    std::copy(a.data + begin, a.data + end, b + begin);
  });
  return info.Env().Undefined();
}

// triad(a, b, c, threads): c = a + 3 * b, 12 bytes an element.
Napi::Value triad(const Napi::CallbackInfo& info) {
  const Floats a = floats(info[0]);
  const float* const b = floats(info[1]).data;
  float* const c = floats(info[2]).data;
  forEachPiece(a.size, threads(info[3]), [&](std::size_t begin, std::size_t end) {
#pragma omp simd
    for (std::size_t i = begin; i < end; ++i) c[i] = a.data[i] + 3.0f * b[i];
  });
  return info.Env().Undefined();
}

// stepPasses(gradient, parameter, velocity, projecting, threads): what a step in place has to move.
// It reads the gradient for its norm (4 bytes an element); that is known only at the end, so that
// the update reads it again, with parameter and velocity, and writes these two (20); a projection,
// known only then, reads and writes the parameters once more (8).
Napi::Value stepPasses(const Napi::CallbackInfo& info) {
  const Floats gradient = floats(info[0]);
  float* const parameter = floats(info[1]).data;
  float* const velocity = floats(info[2]).data;
  const bool projecting = info[3].As<Napi::Boolean>().Value();
  const int threadCount = threads(info[4]);
  const float total = sum(gradient, threadCount);
  // Halved, so that no number of repetitions overflows.
  forEachPiece(gradient.size, threadCount, [&](std::size_t begin, std::size_t end) {
#pragma omp simd
    for (std::size_t i = begin; i < end; ++i) {
      const float next = 0.5f * velocity[i] + gradient.data[i];
      velocity[i] = next;
      parameter[i] = 0.5f * parameter[i] + next;
    }
  });
  if (projecting) {
    forEachPiece(gradient.size, threadCount, [&](std::size_t begin, std::size_t end) {
#pragma omp simd
      for (std::size_t i = begin; i < end; ++i) parameter[i] = 0.5f * parameter[i];
    });
  }
  return Napi::Number::New(info.Env(), total);
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("read", Napi::Function::New(env, read));
  exports.Set("copy", Napi::Function::New(env, copy));
  exports.Set("triad", Napi::Function::New(env, triad));
  exports.Set("stepPasses", Napi::Function::New(env, stepPasses));
  return exports;
}

}  // namespace

NODE_API_MODULE(bandwidth, initialize)

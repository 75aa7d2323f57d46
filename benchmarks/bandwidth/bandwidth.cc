// How fast this machine's memory is: loops with next to no arithmetic over whole Float32Arrays. The
// classic ones (read, copy, triad, as STREAM has them) and the passes of an ALI-G step, whose time
// is the floor for the step. They share the work among threads as the step does, by its own pool:
// OpenMP's threads would go on spinning while the next contender is timed.
#include <napi.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "cpu/thread_pool.h"

namespace {

constexpr std::size_t kPiece = 65536;  // elements; the step takes as many at a time
constexpr std::size_t kRow = 1024;
constexpr std::size_t kLines = 128;

#if defined(__SSE2__)
constexpr bool kHasStreamingStores = true;
#else
constexpr bool kHasStreamingStores = false;
#endif

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
    // Four rows of 4 KB side by side, a page each: over 25.6 million elements on one core 5.0 ms,
    // and 7.3 ms one after the other, because the processor fetches ahead in a page and not beyond
    // it. Their sums are independent, so that no addition waits for another.
    Vector totals[4] = {};
    std::size_t i = begin;
    for (; i + 4 * kRow <= end; i += 4 * kRow) {
      for (std::size_t j = i; j < i + kRow; j += 16) {
        for (std::size_t k = 0; k < 4; ++k) {
          totals[k] += *reinterpret_cast<const Vector*>(data + j + k * kRow);
        }
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

// target[i] = next(i) for the elements from begin to end, past the caches where the processor can.
template <class Next>
void stream(float* target, std::size_t begin, std::size_t end, const Next& next) {
  std::size_t i = begin;
#if defined(__SSE2__)
  for (; i < end && reinterpret_cast<std::uintptr_t>(target + i) % 64 != 0; ++i) {
    target[i] = next(i);
  }
  // Some lines at a time, computed in registers or the nearest cache: whole lines are then stored
  // in one go.
  alignas(64) float lines[kLines];
  for (; i + 16 <= end;) {
    const std::size_t count = std::min(kLines, (end - i) / 16 * 16);
#pragma omp simd
    for (std::size_t j = 0; j < count; ++j) lines[j] = next(i + j);
    for (std::size_t j = 0; j < count; j += 4)
      _mm_stream_ps(target + i + j, _mm_load_ps(lines + j));
    i += count;
  }
#endif
  for (; i < end; ++i) target[i] = next(i);
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

// copyStreaming(a, b, threads): copy with stores that go past the caches.
Napi::Value copyStreaming(const Napi::CallbackInfo& info) {
  const Floats a = floats(info[0]);
  float* const b = floats(info[1]).data;
  forEachPiece(a.size, threads(info[2]), [&](std::size_t begin, std::size_t end) {
    stream(b, begin, end, [&](std::size_t i) { return a.data[i]; });
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

// stepPasses(gradient, parameter, newParameter, velocity, projecting, streaming, threads): what a
// step has to move. It reads the gradient for its norm (4 bytes an element); that is known only at
// the end, so that the update reads it again, with the parameter and, unless it is null, the
// velocity, and writes these (12, 20); a projection, known only then, reads and writes the
// parameters once more (8). Where newParameter is parameter it is in place.
Napi::Value stepPasses(const Napi::CallbackInfo& info) {
  const Floats gradient = floats(info[0]);
  const float* const parameter = floats(info[1]).data;
  float* const newParameter = floats(info[2]).data;
  float* const velocity = info[3].IsNull() ? nullptr : floats(info[3]).data;
  const bool projecting = info[4].As<Napi::Boolean>().Value();
  const bool streaming = info[5].As<Napi::Boolean>().Value();
  const int threadCount = threads(info[6]);
  const float total = sum(gradient, threadCount);
  // Halved, so that no number of repetitions overflows.
  forEachPiece(gradient.size, threadCount, [&](std::size_t begin, std::size_t end) {
    if (velocity && streaming) {
      stream(newParameter, begin, end, [&](std::size_t i) {
        velocity[i] = 0.5f * velocity[i] + gradient.data[i];
        return 0.5f * parameter[i] + velocity[i];
      });
      return;
    }
    if (velocity) {
#pragma omp simd
      for (std::size_t i = begin; i < end; ++i) {
        const float next = 0.5f * velocity[i] + gradient.data[i];
        velocity[i] = next;
        newParameter[i] = 0.5f * parameter[i] + next;
      }
      return;
    }
    const auto next = [&](std::size_t i) { return 0.5f * parameter[i] + gradient.data[i]; };
    if (streaming) {
      stream(newParameter, begin, end, next);
      return;
    }
#pragma omp simd
    for (std::size_t i = begin; i < end; ++i) newParameter[i] = next(i);
  });
  if (projecting) {
    forEachPiece(gradient.size, threadCount, [&](std::size_t begin, std::size_t end) {
      // One stream alone needs help across its pages: 5.6 ms instead of 6.8 over 25.6 million
      // elements. The loops above have several, and gain nothing.
      for (std::size_t i = begin; i < end; i += 64) {
        for (std::size_t j = i; j < i + 64; j += 16) __builtin_prefetch(newParameter + j + 512, 1);
        const std::size_t next = std::min(end, i + 64);
#pragma omp simd
        for (std::size_t j = i; j < next; ++j) newParameter[j] = 0.5f * newParameter[j];
      }
    });
  }
  return Napi::Number::New(info.Env(), total);
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("read", Napi::Function::New(env, read));
  exports.Set("copy", Napi::Function::New(env, copy));
  exports.Set("hasStreamingStores", kHasStreamingStores);
  exports.Set("copyStreaming", Napi::Function::New(env, copyStreaming));
  exports.Set("triad", Napi::Function::New(env, triad));
  exports.Set("stepPasses", Napi::Function::New(env, stepPasses));
  return exports;
}

}  // namespace

NODE_API_MODULE(bandwidth, initialize)

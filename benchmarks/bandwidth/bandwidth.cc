// How fast this machine's memory is: loops with next to no arithmetic over whole Float32Arrays. The
// classic ones (read, copy, triad, as STREAM has them) and the passes of an ALI-G step, whose time
// is the floor for the step.
#include <napi.h>

#include <cstdint>

namespace {

struct Floats {
  float* data;
  std::int64_t size;
};

Floats floats(const Napi::Value& value) {
  auto array = value.As<Napi::Float32Array>();
  return {array.Data(), static_cast<std::int64_t>(array.ElementLength())};
}

int threads(const Napi::Value& value) { return value.As<Napi::Number>().Int32Value(); }

float sum(Floats values, int threadCount) {
  float total = 0.0f;
#pragma omp parallel for simd schedule(static) num_threads(threadCount) reduction(+ : total)
  for (std::int64_t i = 0; i < values.size; ++i) total += values.data[i];
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
#pragma omp parallel for simd schedule(static) num_threads(threads(info[2]))
  for (std::int64_t i = 0; i < a.size; ++i) b[i] = a.data[i];
  return info.Env().Undefined();
}

// triad(a, b, c, threads): c = a + 3 * b, 12 bytes an element.
Napi::Value triad(const Napi::CallbackInfo& info) {
  const Floats a = floats(info[0]);
  const float* const b = floats(info[1]).data;
  float* const c = floats(info[2]).data;
#pragma omp parallel for simd schedule(static) num_threads(threads(info[3]))
  for (std::int64_t i = 0; i < a.size; ++i) c[i] = a.data[i] + 3.0f * b[i];
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
#pragma omp parallel for simd schedule(static) num_threads(threadCount)
  for (std::int64_t i = 0; i < gradient.size; ++i) {
    // Halved, so that no number of repetitions overflows.
    velocity[i] = 0.5f * velocity[i] + gradient.data[i];
    parameter[i] = 0.5f * parameter[i] + velocity[i];
  }
  if (projecting) {
#pragma omp parallel for simd schedule(static) num_threads(threadCount)
    for (std::int64_t i = 0; i < gradient.size; ++i) parameter[i] = 0.5f * parameter[i];
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

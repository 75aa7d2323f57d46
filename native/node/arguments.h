// What all callbacks of the add-on share: errors and typed arrays.
#ifndef TFJS_ALIG_NODE_ARGUMENTS_H_
#define TFJS_ALIG_NODE_ARGUMENTS_H_

#include <napi.h>

#include <cstddef>
#include <exception>
#include <stdexcept>
#include <string>

namespace tfjs_alig {

// Runs a callback and turns what it throws into a JavaScript error.
template <Napi::Value (*kCallback)(const Napi::CallbackInfo&)>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  try {
    return kCallback(info);
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
}

struct FloatArray {
  float* data;
  std::size_t size;
};

inline FloatArray floatArray(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() ||
      value.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
    throw std::invalid_argument(std::string(name) + " must be Float32Array");
  }
  auto array = value.As<Napi::Float32Array>();
  return {array.Data(), array.ElementLength()};
}

inline FloatArray floatArrayOf(const Napi::Value& value, const char* name, std::size_t size) {
  const FloatArray array = floatArray(value, name);
  if (array.size != size) {
    throw std::invalid_argument(std::string(name) + " has " + std::to_string(array.size) +
                                " elements instead of " + std::to_string(size));
  }
  return array;
}

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_NODE_ARGUMENTS_H_

// What all callbacks of the add-on share: errors and typed arrays.
#ifndef TFJS_ALIG_NODE_ARGUMENTS_H_
#define TFJS_ALIG_NODE_ARGUMENTS_H_

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/no_memory.h"

namespace tfjs_alig {

// Runs a callback and turns what it throws into a JavaScript error.
template <Napi::Value (*kCallback)(const Napi::CallbackInfo&)>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  try {
    return kCallback(info);
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw Napi::Error::New(info.Env(), kNoMemory);
  } catch (const std::exception& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
}

// NOTE [values first, addresses last]
// To read an entry of a list may run JavaScript: an accessor, or a trap of a proxy. That may
// resize, transfer or dispose of what was read before, so that an address that was taken before it
// is one of memory that somebody else has by now. So a callback reads all entries of its lists
// first, and takes addresses and sizes, which runs no JavaScript, when it has them all.
inline std::vector<Napi::Value> entriesOf(const Napi::Value& list, const char* name) {
  if (!list.IsArray()) throw std::invalid_argument(std::string(name) + " must be an array");
  const auto array = list.As<Napi::Array>();
  std::vector<Napi::Value> entries(array.Length());
  for (std::uint32_t i = 0; i < entries.size(); ++i) entries[i] = array.Get(i);
  return entries;
}

inline const Napi::Value& entryOf(const std::vector<Napi::Value>& entries, std::size_t place,
                                  const char* name) {
  if (place >= entries.size())
    throw std::invalid_argument(std::string(name) + " has too few entries");
  return entries[place];
}

struct FloatArray {
  float* data;
  std::size_t size;
};

// The elements of a typed array of this type. One call of Node-API: the wrapper's questions (is it
// a typed array, of which type, of which length) are three, and took a third of the time of a step
// over 160 small tensors.
template <class Array, napi_typedarray_type kType>
Array typedArray(const Napi::Value& value, const char* name, const char* typeName) {
  napi_typedarray_type type;
  std::size_t size;
  void* data;
  const napi_status status =
      napi_get_typedarray_info(value.Env(), value, &type, &size, &data, nullptr, nullptr);
  if (status != napi_ok || type != kType) {
    throw std::invalid_argument(std::string(name) + " must be " + typeName);
  }
  return {static_cast<decltype(Array::data)>(data), size};
}

inline FloatArray floatArray(const Napi::Value& value, const char* name) {
  return typedArray<FloatArray, napi_float32_array>(value, name, "Float32Array");
}

inline FloatArray floatArrayOf(const Napi::Value& value, const char* name, std::size_t size) {
  const FloatArray array = floatArray(value, name);
  if (array.size != size) {
    throw std::invalid_argument(std::string(name) + " has " + std::to_string(array.size) +
                                " elements instead of " + std::to_string(size));
  }
  return array;
}

// An Int32Array, of numbers or of the bits of a step's input and result.
struct WordArray {
  std::int32_t* data;
  std::size_t size;
};

inline WordArray wordArray(const Napi::Value& value, const char* name) {
  return typedArray<WordArray, napi_int32_array>(value, name, "Int32Array");
}

struct DoubleArray {
  double* data;
  std::size_t size;
};

inline DoubleArray doubleArray(const Napi::Value& value, const char* name) {
  return typedArray<DoubleArray, napi_float64_array>(value, name, "Float64Array");
}

// An address in a table of doubles: NOTE [tables of addresses].
inline float* addressOf(double number) {
  return reinterpret_cast<float*>(static_cast<std::uintptr_t>(number));
}

inline WordArray wordArrayOf(const Napi::Value& value, const char* name, std::size_t size) {
  const WordArray array = wordArray(value, name);
  if (array.size != size) {
    throw std::invalid_argument(std::string(name) + " has " + std::to_string(array.size) +
                                " words instead of " + std::to_string(size));
  }
  return array;
}

// The group of a tensor; an empty list says that all are of the first.
inline std::uint32_t groupOf(const WordArray& groups, std::size_t tensor) {
  if (groups.size == 0) return 0;
  if (tensor >= groups.size) throw std::invalid_argument("groups has too few entries");
  return static_cast<std::uint32_t>(groups.data[tensor]);
}

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_NODE_ARGUMENTS_H_

// What the C++ that translate.js makes of PTX is written in. A register is an unsigned number of
// its width; `get` reads it, or its lower part, as a value of an instruction's type.
#ifndef TFJS_ALIG_TEST_PTX_KERNEL_H_
#define TFJS_ALIG_TEST_PTX_KERNEL_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <type_traits>
#include <vector>

#include "simt/device.h"

namespace ptx {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s8 = std::int8_t;
using s16 = std::int16_t;
using s32 = std::int32_t;
using s64 = std::int64_t;
using b8 = u8;
using b16 = u16;
using b32 = u32;
using b64 = u64;
using f32 = float;
using f64 = double;

struct Kernel {
  std::string name;
  void (*run)(const void* const* parameters);
  std::vector<std::size_t> parameterBytes;
  unsigned mostThreads;
};

// Makes a kernel known under its name, before main.
struct Registration {
  explicit Registration(Kernel kernel);
};

template <class To, class From>
To bitCast(From from) {
  static_assert(sizeof(To) == sizeof(From), "bits are lost");
  To to;
  __builtin_memcpy(&to, &from, sizeof to);
  return to;
}

template <std::size_t kBytes>
using UnsignedOf = std::conditional_t<
    kBytes == 1, u8,
    std::conditional_t<kBytes == 2, u16, std::conditional_t<kBytes == 4, u32, u64>>>;

template <class Value, class Bits>
Value get(Bits bits) {
  static_assert(std::is_unsigned<Bits>::value && sizeof(Bits) >= sizeof(Value),
                "the register is narrower than the instruction's type");
  return bitCast<Value>(static_cast<UnsignedOf<sizeof(Value)>>(bits));
}

// Numbers with a sign are widened with it, others with zeros.
template <class Bits, class Value>
void set(Bits& to, Value value) {
  static_assert(sizeof(Bits) >= sizeof(Value), "the register is narrower than the value");
  if constexpr (std::is_floating_point<Value>::value) {
    to = bitCast<Bits>(value);
  } else {
    to = static_cast<Bits>(value);
  }
}

template <class Bits, class Half>
void split(Bits bits, Half& low, Half& high) {
  static_assert(sizeof(Bits) == 2 * sizeof(Half), "halves have half the width");
  low = static_cast<Half>(bits);
  high = static_cast<Half>(bits >> 8 * sizeof(Half));
}

template <class Bits, class Half>
Bits join(Half low, Half high) {
  static_assert(sizeof(Bits) == 2 * sizeof(Half), "halves have half the width");
  return static_cast<Bits>(low | static_cast<Bits>(high) << 8 * sizeof(Half));
}

// PTX: of a number and a NaN the number, and -0 is less than +0.
template <class Value>
Value smaller(Value one, Value other) {
  if (one != one || other < one) return other;
  if constexpr (std::is_floating_point<Value>::value) {
    if (one == other) return std::signbit(one) ? one : other;
  }
  return one;
}

template <class Value>
Value larger(Value one, Value other) {
  if (one != one || other > one) return other;
  if constexpr (std::is_floating_point<Value>::value) {
    if (one == other) return std::signbit(one) ? other : one;
  }
  return one;
}

// PTX: as by the width where the amount is more.
template <class Value>
Value shiftLeft(Value value, u32 amount) {
  return amount < 8 * sizeof(Value) ? static_cast<Value>(u64{value} << amount) : Value{0};
}

template <class Value>
Value shiftRight(Value value, u32 amount) {
  if (amount < 8 * sizeof(Value)) return static_cast<Value>(value >> amount);
  return value < 0 ? static_cast<Value>(-1) : Value{0};
}

[[noreturn]] inline void fail(const char* what, simt::Site site) {
  std::fprintf(stderr, "PTX error: %s, at %s:%d\n", what, site.file, site.line);
  std::fflush(stderr);
  std::_Exit(86);
}

template <class Value, int kCount>
struct Vector {
  Value of[kCount];
};

inline void checkAligned(const void* address, std::size_t bytes, simt::Site site) {
  if (reinterpret_cast<std::uintptr_t>(address) % bytes != 0) fail("misaligned address", site);
}

template <class Value, int kCount>
Vector<Value, kCount> load(const char* address, simt::Site site) {
  Vector<Value, kCount> values;
  checkAligned(address, sizeof values, site);
  __builtin_memcpy(&values, address, sizeof values);
  return values;
}

template <class Value, int kCount>
void store(char* address, Vector<Value, kCount> values, simt::Site site) {
  checkAligned(address, sizeof values, site);
  __builtin_memcpy(address, &values, sizeof values);
}

inline char* globalAt(u64 address, s64 offset) {
  return reinterpret_cast<char*>(static_cast<std::uintptr_t>(address + static_cast<u64>(offset)));
}

inline const char* parameterAt(const void* parameter, s64 offset) {
  return static_cast<const char*>(parameter) + offset;
}

inline u32 shuffleDown(u32 value, u32 delta, u32 clamp, u32 mask, bool& inRange, simt::Site site) {
  if (clamp != 31) fail("a shuffle within parts of a warp is not known", site);
  inRange = threadIdx.x % 32 + delta <= clamp;
  return simt::shuffle(simt::WarpOperation::kShuffleDown, mask, value, static_cast<int>(delta), 32,
                       site);
}

inline u32 atomicIncrement(char* address, u32 limit, simt::Site site) {
  checkAligned(address, sizeof(u32), site);
  return simt::atomicIncrement(reinterpret_cast<u32*>(address), limit);
}

}  // namespace ptx

#endif  // TFJS_ALIG_TEST_PTX_KERNEL_H_

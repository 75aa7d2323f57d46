// Sets the processor's floating point to what the numeric contract asks for, and puts it back.
#ifndef TFJS_ALIG_CPU_FLOATING_POINT_H_
#define TFJS_ALIG_CPU_FLOATING_POINT_H_

#include <cfenv>
#include <cstdint>

#if defined(__SSE2__) || defined(_M_X64)
#include <xmmintrin.h>
#endif

namespace tfjs_alig {

// NOTE [denormals]
// TensorFlow calls kernels with denormals flushed to zero, and a thread that is started there
// inherits it: a velocity of 9e-39 came back as 0. So each native entry and each piece of a loop
// holds an IeeeArithmetic, which is round to nearest with denormals and no traps.
class IeeeArithmetic {
 public:
#if defined(__SSE2__) || defined(_M_X64)
  IeeeArithmetic() : saved_(_mm_getcsr()) { _mm_setcsr(0x1f80); }
  ~IeeeArithmetic() { _mm_setcsr(saved_); }

 private:
  unsigned int saved_;
#elif defined(__aarch64__)
  IeeeArithmetic() {
    asm volatile("mrs %0, fpcr" : "=r"(saved_));
    set(0);
  }
  ~IeeeArithmetic() { set(saved_); }

 private:
  static void set(std::uint64_t control) { asm volatile("msr fpcr, %0" : : "r"(control)); }
  std::uint64_t saved_;
#else
  // Round to nearest and no traps; processors of other kinds have no denormals to switch off, or
  // the compiler no name for the switch.
  IeeeArithmetic() {
    std::fegetenv(&saved_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~IeeeArithmetic() { std::fesetenv(&saved_); }

 private:
  std::fenv_t saved_;
#endif
 public:
  IeeeArithmetic(const IeeeArithmetic&) = delete;
  IeeeArithmetic& operator=(const IeeeArithmetic&) = delete;
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_CPU_FLOATING_POINT_H_

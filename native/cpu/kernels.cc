#include "cpu/kernels.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

namespace tfjs_alig {

extern const Kernels kBaselineKernels;
#if defined(TFJS_ALIG_X86)
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
#endif

namespace {

const Kernels* findKernels(const std::string& name) {
  std::string names;
  for (const Kernels* kernels : availableKernels()) {
    if (name == kernels->instructionSet) return kernels;
    names += names.empty() ? "" : ", ";
    names += kernels->instructionSet;
  }
  throw std::invalid_argument("instruction set '" + name + "' is not available; this machine has " +
                              names);
}

const Kernels* initialKernels() {
  const char* forced = std::getenv("TFJS_ALIG_INSTRUCTION_SET");
  if (!forced || !*forced) return availableKernels().back();
  try {
    return findKernels(forced);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(std::string("TFJS_ALIG_INSTRUCTION_SET: ") + error.what());
  }
}

std::atomic<const Kernels*>& selected() {
  static std::atomic<const Kernels*> kernels{initialKernels()};
  return kernels;
}

}  // namespace

const std::vector<const Kernels*>& availableKernels() {
  static const std::vector<const Kernels*> available = [] {
    std::vector<const Kernels*> list{&kBaselineKernels};
#if defined(TFJS_ALIG_X86)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
      list.push_back(&kAvx2Kernels);
      if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
          __builtin_cpu_supports("avx512vl")) {
        list.push_back(&kAvx512Kernels);
      }
    }
#endif
    return list;
  }();
  return available;
}

const Kernels& kernelsInUse() { return *selected().load(std::memory_order_relaxed); }

void useInstructionSet(const std::string& name) { selected().store(findKernels(name)); }

}  // namespace tfjs_alig

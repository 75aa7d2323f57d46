// The loops of the CPU engine over one chunk, once per instruction set.
#ifndef TFJS_ALIG_CPU_KERNELS_H_
#define TFJS_ALIG_CPU_KERNELS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "rules/alig.h"

namespace tfjs_alig {

// How new values reach memory: kCached for buffers that were just read or are read soon, kStreaming
// past the caches, for large buffers that were not read (NOTE [streaming stores] in engine.cc).
enum class Store { kCached, kStreaming };

struct UpdateArguments {
  const float* gradient;
  const float* parameter;
  float* newParameter;
  const float* velocity;
  float* newVelocity;
  std::size_t size;  // at most kChunkSize
};

struct Kernels {
  const char* instructionSet;
  double (*sumOfSquares)(const float* values, std::size_t size);
  // Makes the new values and returns the sum of squares of the new parameters.
  double (*update)(AliG::Form form, const AliG::Coefficients& coefficients,
                   const UpdateArguments& arguments, Store store);
  // result = scale * values
  void (*scale)(float scale, const float* values, float* result, std::size_t size);
};

// Kernels of the instruction sets that this build has and this machine can run, the best one last.
const std::vector<const Kernels*>& availableKernels();

// The kernels in use: the best available ones, or those that TFJS_ALIG_INSTRUCTION_SET names.
// Throws std::invalid_argument where that names none of the available ones.
const Kernels& kernelsInUse();
void useInstructionSet(const std::string& name);

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_CPU_KERNELS_H_

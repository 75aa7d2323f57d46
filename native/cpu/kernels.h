// The loops of the CPU engine over one chunk, once per instruction set.
#ifndef TFJS_ALIG_CPU_KERNELS_H_
#define TFJS_ALIG_CPU_KERNELS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "rules/rule.h"

namespace tfjs_alig {

// Where the arrays of a step are: kNear in a cache of the core; kFar beyond, to be fetched ahead;
// kFarStreaming beyond as well, with new parameters in buffers that were not read, which go past
// the caches (NOTE [where arrays are] in engine.cc).
enum class Place { kNear, kFar, kFarStreaming };

// A chunk of a tensor.
struct ChunkArguments {
  const float* gradient;
  const float* parameter;
  float* newParameter;
  const float* state[kMostStates];
  float* newState[kMostStates];
  std::size_t size;  // at most kChunkSize
  float maxGradientValue;
};

// The loops of one rule.
struct RuleKernels {
  // The chunk's part of each of the rule's sums; null where |g|^2 is the only one.
  void (*measure)(const void* measuring, const ChunkArguments& chunk, double* sums);
  // Makes the new values and returns the sum of squares of the new parameters.
  double (*update)(const void* coefficients, const ChunkArguments& chunk, Place place);
};

struct Kernels {
  const char* instructionSet;
  double (*sumOfSquares)(const float* values, std::size_t size);
  // Of a gradient, clipped by value.
  double (*sumOfGradientSquares)(const float* gradient, std::size_t size, float maxGradientValue);
  // result = scale * values
  void (*scale)(float scale, const float* values, float* result, std::size_t size);
  const RuleKernels* rules;  // in the order of rules/all.h
};

// Kernels of the instruction sets that this build has and this machine can run, the best one last.
const std::vector<const Kernels*>& availableKernels();

// The kernels in use: the best available ones, or those that TFJS_ALIG_INSTRUCTION_SET names.
// Throws std::invalid_argument where that names none of the available ones.
const Kernels& kernelsInUse();
void useInstructionSet(const std::string& name);

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_CPU_KERNELS_H_

// What the CUDA engine is tried with: the table of cases of test/step-cases, which check.js writes
// to a file, and cases made of them.
#ifndef TFJS_ALIG_TEST_ENGINE_CASES_H_
#define TFJS_ALIG_TEST_ENGINE_CASES_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "cpu/engine.h"

namespace tfjs_alig {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

using Array = std::vector<float>;
using Sizes = std::vector<std::size_t>;

struct Scales {
  double parameter = 1.0;
  double gradient = 1.0;
  double state = 1.0;
};

struct GroupCase {
  Array settings;
  std::int32_t stepNumber;
};

// Which new values have buffers of their own: those of the add-on's host arrays, of TensorFlow's
// later steps (state in place), and of its first step.
enum class Layout { kInPlace, kNewParameters, kAllNew };

// The arrays of a tensor, by number; those of its state, old and new, come last.
enum : int { kGradient, kParameter, kNewParameter, kFirstState };
constexpr int kMostArrays = kFirstState + 2 * kMostStates;

struct Variant {
  Layout layout;
  bool lossOnDevice;
  bool misaligned;
  // The only array of each tensor that is misaligned, by number.
  int onlyMisaligned = -1;

  std::string name() const {
    static const char* const kLayouts[] = {"in place", "new parameters", "all new"};
    return std::string(kLayouts[static_cast<int>(layout)]) +
           (lossOnDevice ? ", loss on the device" : ", loss by value") +
           (misaligned ? ", misaligned" : "") +
           (onlyMisaligned < 0 ? "" : ", array " + std::to_string(onlyMisaligned) + " misaligned");
  }
};

constexpr Variant kVariants[] = {
    {Layout::kInPlace, false, false},
    {Layout::kNewParameters, true, false},
    {Layout::kAllNew, true, true},
    {Layout::kInPlace, true, true},
};

struct Case {
  std::string title;
  Sizes sizes;
  std::size_t rule;  // its number
  std::int32_t stepNumber;
  Array settings;
  std::vector<GroupCase> groups;  // tensor i is of group i modulo their number
  Scalars scalars = {};
  // The arrays of state that hold no negative number.
  std::vector<int> nonNegativeStates = {};
  Scales scales = {};
  float maxNorm = kInfinity;
  float maxGradientValue = kInfinity;
  float loss = 0.7f;
  std::vector<std::size_t> withoutGradient = {};
  // Put into the middle of the last gradient, parameter or array of state.
  float gradientFlaw = 0.0f;
  float parameterFlaw = 0.0f;
  float stateFlaw = 0.0f;
  // Not 0: values whose sums depend on the order of additions (test/step-cases/orders.ts).
  std::uint32_t orderSeed = 0;
  int steps = 3;
  // Too much for fibers under a sanitizer.
  bool large = false;
  // It touches the same memory as another case.
  bool valuesAlone = false;
  // Of kVariants, which are run: all where the engine's own parts are tried.
  std::vector<std::size_t> variants = {0, 1, 2, 3};
};

// The table, but for what takes minutes under the shim.
const std::vector<Case>& tableOfCases();

// A case of one group, of the first settings that the table has of a rule.
Case caseOf(const std::string& rule, std::string title, Sizes sizes);

// The names of all rules.
std::vector<std::string> ruleNames();

int statesOf(const Case& each);

// Values of a case on the host.
struct Values {
  std::vector<Array> parameters;
  std::vector<Array> gradients;
  std::vector<Array> state[kMostStates];
};

Values valuesOf(const Case& each);

bool hasGradient(const Case& each, std::size_t tensor);
bool stepWanted(const Case& each);

// The input of a case's step (engine/step_input.h), which the one before gave these scalars.
Array inputOf(const Case& each, std::size_t step, const Scalars& scalars);

std::uint32_t groupOf(const Case& each, std::size_t tensor);

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_TEST_ENGINE_CASES_H_

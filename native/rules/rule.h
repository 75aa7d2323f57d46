// NOTE [what a rule is]
// An optimiser as the engines run it: a struct without data of its own, whose functions are those
// of one element or of one step. An engine knows nothing of optimisers, a rule nothing of threads,
// chunks or devices. A rule has
//
//   kName            its name, the same in lib/rules
//   Settings         floats (TFJS_ALIG_FLOATS): hyper-parameters, the same for all parameters, with
//                    the names that lib/rules has
//   GroupSettings    the same for those that a group of parameters may have of its own
//   kStates          how many arrays of state a parameter tensor has, up to kMostStates
//   kSums            how many sums measure yields, 1 to kMostSums; sum 0 is |g|^2 in every rule
//   kUsesLoss        whether the loss decides anything: it is then checked to be finite
//   Measuring        floats: what measure needs of a group
//   Coefficients     floats: what update needs of a group
//   Decision         what decide finds out, with stepSize, unclippedStepSize, clipped for the
//   report
//
// and, in the order in which a step calls them,
//
//   prepare(settings, group)            -> Measuring, from what is known before the gradients are
//                                          (decay rates, bias corrections); only where kSums > 1
//   sumFactor(settings, group, sum)     -> what the sums of a group's chunks are multiplied by, in
//                                          double, before they are added; only where kSums > 1
//   measure(measuring, g, w, state, terms)
//                                       one element's terms of the sums 1, 2, ...: products of two
//                                          float32, which are exact in double. Reads alone: new
//                                          moments are made here in registers and again in update,
//                                          so that a step that is refused has touched nothing
//   decide(step, sums, scalars)         -> Decision, in double; `scalars` is the state of the whole
//                                          step (averages, bounds) and may be advanced
//   coefficients(settings, group, decision)
//                                       -> Coefficients, rounded once to float32
//   update(coefficients, g, w, state)   one element; each operation rounds to float32
//
// A formula has only + - * / and sqrt: other functions differ in the last bit between V8, glibc and
// CUDA. docs/adding-a-rule.md shows how one is added.
#ifndef TFJS_ALIG_RULES_RULE_H_
#define TFJS_ALIG_RULES_RULE_H_

#include <cstdint>

#include "rules/formula.h"

namespace tfjs_alig {

constexpr int kMostStates = 3;
constexpr int kMostSums = 4;
constexpr int kMostScalars = 4;

// The floats of a struct of settings, and their names in order, which the loader compares with
// those of lib/rules.
#define TFJS_ALIG_FLOATS(...) \
  float __VA_ARGS__;          \
  static constexpr const char* kNames = #__VA_ARGS__

// A struct that has nothing, for rules that need no settings, measuring or group settings: one
// float, so that every struct of a rule is an array of floats.
struct NoFloats {
  float unused;
  static constexpr const char* kNames = "";
};

// The state of a whole step; each rule says what it keeps where.
struct Scalars {
  double values[kMostScalars];
};

// A group of parameters that share their settings and have taken the same number of steps: a
// parameter without gradient does not count a step, and bias corrections are its own.
template <class Rule>
struct Group {
  typename Rule::GroupSettings settings;
  std::int32_t stepNumber;  // t, from 1
};

// What decide knows beside the sums.
template <class Rule>
struct StepOf {
  typename Rule::Settings settings;
  const Group<Rule>* groups;
  int groupCount;  // at least 1
  float loss;
  std::int32_t stepNumber;  // t, from 1: steps that any parameter has taken
};

// One element's term of a sum: the product of two float32.
struct Term {
  float first;
  float second;
};

// The mean over all groups of a number that each has, as a report shows it.
template <class Rule, class NumberOf>
TFJS_ALIG_FORMULA double meanOverGroups(const StepOf<Rule>& step, const NumberOf& numberOf) {
  double sum = 0.0;
  for (int i = 0; i < step.groupCount; ++i) sum += numberOf(step.groups[i].settings);
  return sum / static_cast<double>(step.groupCount);
}

// base^exponent by repeated squaring, from the lowest bit on: the same additions of rounding errors
// on every engine.
TFJS_ALIG_FORMULA double integerPower(double base, std::int32_t exponent) {
  double power = 1.0;
  for (double square = base; exponent > 0; exponent >>= 1, square *= square) {
    if (exponent & 1) power *= square;
  }
  return power;
}

// numerator / denominator, and 0 where all that would divide is 0: all gradients are, so that no
// step size moves anything but an old velocity.
TFJS_ALIG_FORMULA double ratio(double numerator, double denominator) {
  return denominator == 0.0 ? 0.0 : numerator / denominator;
}

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_RULES_RULE_H_

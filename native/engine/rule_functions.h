// The rules as functions and sizes, for engines that choose one at run time.
#ifndef TFJS_ALIG_ENGINE_RULE_FUNCTIONS_H_
#define TFJS_ALIG_ENGINE_RULE_FUNCTIONS_H_

#include <cstddef>

#include "engine/decide.h"
#include "rules/all.h"

namespace tfjs_alig {

// A step's settings and groups without their types: those of the rule.
struct ErasedStep {
  const void* settings;
  const void* groups;
  int groupCount;
  float loss;
  std::int32_t stepNumber;
};

struct RuleFunctions {
  const char* name;
  // Names, with commas between them.
  const char* settings;
  const char* groupSettings;
  std::size_t settingsWords;
  std::size_t groupWords;
  int states;
  int sums;
  std::size_t measuringBytes;
  std::size_t coefficientsBytes;

  // Makes one group's Measuring and its factors of the sums.
  void (*prepare)(const ErasedStep& step, int group, void* measuring, double* factors);
  StepStatus (*decide)(const ErasedStep& step, const double* sums, void* coefficients,
                       StepResult& result);
};

// In the order of rules/all.h.
const RuleFunctions* ruleFunctions();

namespace erased {

template <class Rule>
const typename Rule::Settings& settingsOf(const ErasedStep& step) {
  return *static_cast<const typename Rule::Settings*>(step.settings);
}

template <class Rule>
void prepare(const ErasedStep& step, int group, void* measuring, double* factors) {
  factors[0] = 1.0;
  if constexpr (Rule::kSums > 1) {
    const Group<Rule>& own = static_cast<const Group<Rule>*>(step.groups)[group];
    *static_cast<typename Rule::Measuring*>(measuring) = Rule::prepare(settingsOf<Rule>(step), own);
    for (int sum = 1; sum < Rule::kSums; ++sum) {
      factors[sum] = Rule::sumFactor(settingsOf<Rule>(step), own, sum);
    }
  }
}

template <class Rule>
StepStatus decide(const ErasedStep& step, const double* sums, void* coefficients,
                  StepResult& result) {
  return decideStep<Rule>({settingsOf<Rule>(step), static_cast<const Group<Rule>*>(step.groups),
                           step.groupCount, step.loss, step.stepNumber},
                          sums, static_cast<typename Rule::Coefficients*>(coefficients), result);
}

template <class Rule>
constexpr RuleFunctions functionsOf() {
  static_assert(Rule::kStates <= kMostStates && Rule::kSums >= 1 && Rule::kSums <= kMostSums,
                "the engines' arrays are that long");
  return {Rule::kName,
          Rule::Settings::kNames,
          Rule::GroupSettings::kNames,
          sizeof(typename Rule::Settings) / sizeof(float),
          sizeof(Group<Rule>) / sizeof(float),
          Rule::kStates,
          Rule::kSums,
          sizeof(typename Rule::Measuring),
          sizeof(typename Rule::Coefficients),
          prepare<Rule>,
          decide<Rule>};
}

}  // namespace erased

inline const RuleFunctions* ruleFunctions() {
#define TFJS_ALIG_FUNCTIONS(Rule) erased::functionsOf<Rule>(),
  static constexpr RuleFunctions functions[] = {TFJS_ALIG_RULES(TFJS_ALIG_FUNCTIONS)};
#undef TFJS_ALIG_FUNCTIONS
  return functions;
}

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_ENGINE_RULE_FUNCTIONS_H_

// What a step is told beside its tensors and the loss. It comes as one array of 4-byte words, which
// lib/rules/rule-step.ts writes: a header, the rule's settings, then each group's settings and step
// number.
#ifndef TFJS_ALIG_ENGINE_STEP_INPUT_H_
#define TFJS_ALIG_ENGINE_STEP_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

#include "engine/rule_functions.h"
#include "rules/l2_ball.h"

namespace tfjs_alig {

struct StepInput {
  struct Header {
    std::int32_t rule;        // its place in rules/all.h
    std::int32_t stepNumber;  // t, from 1
    L2Ball ball;
    std::int32_t groupCount;
    float maxGradientValue;  // infinity: gradients are not clipped by value
    std::int32_t unused;     // the scalars are doubles
    Scalars scalars;
  };

  Header header;
  const RuleFunctions* rule;
  const void* settings;  // Rule::Settings
  const void* groups;    // groupCount of Group<Rule>

  int groupCount() const { return header.groupCount; }
};
constexpr std::size_t kHeaderWords = sizeof(StepInput::Header) / sizeof(float);
static_assert(kHeaderWords == 14, "as lib/rules/rule-step.ts writes it");

// Reads `words`, which the result points into. Throws std::invalid_argument where they do not fit.
inline StepInput readStepInput(const void* words, std::size_t count) {
  StepInput input = {};
  if (count < kHeaderWords) throw std::invalid_argument("a step's input has no header");
  std::memcpy(&input.header, words, sizeof input.header);
  const StepInput::Header& header = input.header;
  if (header.rule < 0 || header.rule >= kRules) {
    throw std::invalid_argument("there is no rule " + std::to_string(header.rule));
  }
  input.rule = &ruleFunctions()[header.rule];
  const std::size_t wanted = kHeaderWords + input.rule->settingsWords +
                             static_cast<std::size_t>(header.groupCount) * input.rule->groupWords;
  if (header.groupCount < 1 || count != wanted) {
    throw std::invalid_argument(std::string("the input of a step by rule '") + input.rule->name +
                                "' has " + std::to_string(count) + " words instead of " +
                                std::to_string(wanted));
  }
  const auto* const bytes = static_cast<const unsigned char*>(words);
  input.settings = bytes + kHeaderWords * sizeof(float);
  input.groups = bytes + (kHeaderWords + input.rule->settingsWords) * sizeof(float);
  return input;
}

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_ENGINE_STEP_INPUT_H_

#include "engine_cases.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "engine/sum.h"

namespace tfjs_alig {

namespace {

// The generator of test/support/random.ts.
class RandomNumbers {
 public:
  explicit RandomNumbers(std::uint32_t seed) : state_(seed) {}
  std::size_t below(std::size_t end) {
    return static_cast<std::size_t>(next() * static_cast<double>(end));
  }
  double next() {
    state_ += 0x6d2b79f5u;
    std::uint32_t mixed = (state_ ^ (state_ >> 15)) * (state_ | 1u);
    mixed ^= mixed + (mixed ^ (mixed >> 7)) * (mixed | 61u);
    return (mixed ^ (mixed >> 14)) / 4294967296.0;
  }

 private:
  std::uint32_t state_;
};

// A number of the table, which has those as text that are not finite.
double numberIn(const nlohmann::json& row, const char* name) {
  const nlohmann::json& value = row.at(name);
  return value.is_string() ? std::strtod(value.get<std::string>().c_str(), nullptr)
                           : value.get<double>();
}

// Reads the step as lib/rules/rule-step.ts packs it.
void readStep(const std::vector<std::int32_t>& words, Case& each) {
  const StepInput input = readStepInput(words.data(), words.size());
  const auto* const floats = reinterpret_cast<const float*>(words.data());
  const std::size_t groupWords = input.rule->groupWords;
  const float* group = floats + kHeaderWords + input.rule->settingsWords;
  each.rule = static_cast<std::size_t>(input.header.rule);
  each.stepNumber = input.header.stepNumber;
  each.settings.assign(floats + kHeaderWords, group);
  each.scalars = input.header.scalars;
  each.maxNorm = input.header.ball.radius;
  each.maxGradientValue = input.header.maxGradientValue;
  for (int i = 0; i < input.groupCount(); ++i, group += groupWords) {
    GroupCase& read = each.groups.emplace_back();
    // The last word is the step number.
    read.settings.assign(group, group + groupWords - 1);
    std::memcpy(&read.stepNumber, group + groupWords - 1, sizeof read.stepNumber);
  }
}

// What a rule does not use comes back as it was.
constexpr double kUnusedScalars[kMostScalars] = {0.1, -1e300, 5e-324, 3.0};

constexpr std::size_t kManyTensors = 1000;
constexpr std::size_t kManyElements = 1000000;

Case caseOf(const nlohmann::json& row) {
  Case each = {};
  row.at("title").get_to(each.title);
  row.at("sizes").get_to(each.sizes);
  row.at("steps").get_to(each.steps);
  row.at("withoutGradient").get_to(each.withoutGradient);
  row.at("orderSeed").get_to(each.orderSeed);
  row.at("valuesAlone").get_to(each.valuesAlone);
  row.at("nonNegativeStates").get_to(each.nonNegativeStates);
  readStep(row.at("step").get<std::vector<std::int32_t>>(), each);
  for (std::size_t i = row.at("usedScalars").get<std::size_t>(); i < kMostScalars; ++i) {
    each.scalars.values[i] = kUnusedScalars[i];
  }
  each.scales = {numberIn(row, "parameterScale"), numberIn(row, "gradientScale"),
                 numberIn(row, "stateScale")};
  each.loss = static_cast<float>(numberIn(row, "loss"));
  each.gradientFlaw = static_cast<float>(numberIn(row, "gradientFlaw"));
  each.parameterFlaw = static_cast<float>(numberIn(row, "parameterFlaw"));
  each.stateFlaw = static_cast<float>(numberIn(row, "stateFlaw"));
  std::size_t elements = 0;
  for (const std::size_t size : each.sizes) elements += size;
  each.large = each.sizes.size() >= kManyTensors || elements >= kManyElements;
  return each;
}

std::vector<Case> readTable() {
  std::ifstream file(TFJS_ALIG_STEP_CASES);
  if (!file) throw std::runtime_error(std::string("cannot read ") + TFJS_ALIG_STEP_CASES);
  std::vector<Case> cases;
  for (const nlohmann::json& row : nlohmann::json::parse(file)) {
    Case& each = cases.emplace_back(caseOf(row));
    if (each.large || each.orderSeed != 0) {
      each.variants = {2};
    } else if (row.at("tries") == "rule") {
      // A variant each, in turn: the engine's own parts are tried with all.
      each.variants = {cases.size() % std::size(kVariants)};
    }
  }
  return cases;
}

}  // namespace

const std::vector<Case>& tableOfCases() {
  static const std::vector<Case> cases = readTable();
  return cases;
}

Case caseOf(const std::string& rule, std::string title, Sizes sizes) {
  for (const Case& first : tableOfCases()) {
    if (ruleFunctions()[first.rule].name != rule) continue;
    Case each = {};
    each.title = std::move(title);
    each.sizes = std::move(sizes);
    each.rule = first.rule;
    each.stepNumber = 1;
    each.settings = first.settings;
    each.groups = {{first.groups[0].settings, 1}};
    each.scalars = first.scalars;
    each.nonNegativeStates = first.nonNegativeStates;
    return each;
  }
  throw std::invalid_argument("the table has no case of the rule '" + rule + "'");
}

std::vector<std::string> ruleNames() {
  std::vector<std::string> names;
  for (std::size_t rule = 0; rule < kRules; ++rule) names.push_back(ruleFunctions()[rule].name);
  return names;
}

namespace {

// 2^27: test/step-cases/orders.ts says why.
constexpr float kLarge = 134217728.0f;

// Zeros with one large value and 2 to 7 ones. They are anywhere, or only where the tree brings them
// together with the large one within a warp, or only where it does so between warps.
void fillForOrder(std::vector<Array>& arrays, RandomNumbers& random) {
  constexpr std::size_t kStrides[] = {1, 4, 128};
  std::vector<float*> values;
  for (Array& array : arrays) {
    for (float& value : array) {
      value = 0.0f;
      values.push_back(&value);
    }
  }
  const std::size_t large = random.below(values.size());
  const std::size_t stride = kStrides[random.below(std::size(kStrides))];
  const std::size_t first = large % stride;
  const std::size_t places = (values.size() - first + stride - 1) / stride;
  for (std::size_t ones = 2 + random.below(6); ones > 0; --ones) {
    *values[first + random.below(places) * stride] = 1.0f;
  }
  *values[large] = kLarge;
}

}  // namespace

int statesOf(const Case& each) { return ruleFunctions()[each.rule].states; }

Values valuesOf(const Case& each) {
  RandomNumbers random(each.orderSeed ? each.orderSeed : 20200426u);
  const auto arrays = [&](double scale) {
    std::vector<Array> list;
    for (const std::size_t size : each.sizes) {
      Array& array = list.emplace_back(size);
      for (float& value : array) value = static_cast<float>((2 * random.next() - 1) * scale);
    }
    return list;
  };
  Values values;
  values.parameters = arrays(each.scales.parameter);
  values.gradients = arrays(each.scales.gradient);
  for (int k = 0; k < statesOf(each); ++k) values.state[k] = arrays(each.scales.state);
  for (const int k : each.nonNegativeStates) {
    for (Array& array : values.state[k]) {
      for (float& value : array) value = std::fabs(value);
    }
  }
  if (each.orderSeed) {
    fillForOrder(values.gradients, random);
    fillForOrder(values.parameters, random);
  }
  const auto putFlaw = [](Array& array, float flaw) {
    if (flaw != 0.0f) array[array.size() / 2] = flaw;
  };
  if (!each.sizes.empty()) {
    putFlaw(values.gradients.back(), each.gradientFlaw);
    putFlaw(values.parameters.back(), each.parameterFlaw);
    if (statesOf(each) > 0) putFlaw(values.state[statesOf(each) - 1].back(), each.stateFlaw);
  }
  return values;
}

bool hasGradient(const Case& each, std::size_t tensor) {
  for (const std::size_t without : each.withoutGradient) {
    if (without == tensor) return false;
  }
  return true;
}

bool stepWanted(const Case& each) { return each.withoutGradient.size() < each.sizes.size(); }

Array inputOf(const Case& each, std::size_t step, const Scalars& scalars) {
  const auto stepsBefore = static_cast<std::int32_t>(step);
  StepInput::Header header = {};
  header.rule = static_cast<std::int32_t>(each.rule);
  header.stepNumber = each.stepNumber + stepsBefore;
  header.ball = {each.maxNorm};
  header.maxGradientValue = each.maxGradientValue;
  header.groupCount = static_cast<std::int32_t>(each.groups.size());
  header.scalars = scalars;
  Array words(kHeaderWords);
  std::memcpy(words.data(), &header, sizeof header);
  words.insert(words.end(), each.settings.begin(), each.settings.end());
  for (const GroupCase& group : each.groups) {
    words.insert(words.end(), group.settings.begin(), group.settings.end());
    const std::int32_t stepNumber = group.stepNumber + stepsBefore;
    std::memcpy(&words.emplace_back(), &stepNumber, sizeof stepNumber);
  }
  return words;
}

std::uint32_t groupOf(const Case& each, std::size_t tensor) {
  return static_cast<std::uint32_t>(tensor % each.groups.size());
}

}  // namespace tfjs_alig

#include "engine_cases.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "engine/sum.h"

namespace tfjs_alig {

namespace {

std::size_t numberOf(const std::string& name) {
  for (std::size_t rule = 0; rule < kRules; ++rule) {
    if (ruleFunctions()[rule].name == name) return rule;
  }
  throw std::invalid_argument("there is no rule '" + name + "'");
}

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

Sizes manySizes(std::size_t count, std::size_t factor, std::size_t modulus, std::size_t least) {
  Sizes sizes(count);
  for (std::size_t i = 0; i < count; ++i) sizes[i] = i * factor % modulus + least;
  return sizes;
}

const RuleFunctions* ruleOfMostSums() {
  return std::max_element(
      ruleFunctions(), ruleFunctions() + kRules,
      [](const RuleFunctions& one, const RuleFunctions& other) { return one.sums < other.sums; });
}

}  // namespace

const std::vector<RuleRow>& ruleRows() {
  // Scalars that a rule does not use come back as they were.
  static const Scalars kUnused = {{0.1, -1e300, 5e-324, 3.0}};
  // What a rule may find that uses them, by size.
  static const Scalars kUsed = {{0.3, 0.02, 0.1, 3.0}};
  // Of each group the learning rate and weight decay, then what the rule has beside them.
  const Array decaying[] = {{0.1f, 0.01f}, {0.03f, 0.2f}};
  const Array withMomentum[] = {{0.1f, 0.01f, 0.9f}, {0.03f, 0.2f, 0.5f}};
  const Array moments[] = {{0.1f, 0.01f, 0.1f, 0.001f, 1e-8f}, {0.03f, 0.2f, 0.2f, 0.01f, 1e-3f}};
  const Array averages[] = {{0.1f, 0.01f, 0.1f, 0.0f, 1e-8f, 0.9f},
                            {0.03f, 0.2f, 0.2f, 1e-8f, 0.0f, 0.5f}};
  static const std::vector<RuleRow> rows = {
      {"alig", {1e-5f, 0.0f}, {{0.1f, 0.0f}, {3e-5f, 0.0f}}, kUnused},
      {"alig-nesterov", {1e-5f, 0.0f}, {{0.1f, 0.9f}, {3e-5f, 0.5f}}, kUnused},
      {"alig-adjusted", {1e-5f, 0.0f}, {{0.1f, 0.9f}, {3e-5f, 0.5f}}, kUnused},
      {"sgd", {0.5f}, {decaying[0], decaying[1]}, kUnused},
      {"sgd-momentum",
       {kInfinity},
       {{0.1f, 0.01f, 0.9f, 0.1f, 1.0f}, {0.03f, 0.2f, 0.5f, 0.0f, 0.0f}},
       kUnused},
      {"adam", {0.0f, 1.0f, 5.0f}, {moments[0], moments[1]}, kUnused, {1}},
      {"amsgrad", {1.0f, 0.0f, kInfinity}, {moments[0], moments[1]}, kUnused, {1, 2}},
      {"yogi", {0.0f, 0.0f, kInfinity}, {moments[0], moments[1]}, kUnused, {1}},
      {"adagrad",
       {kInfinity},
       {{0.1f, 0.01f, 0.01f, 0.0f, 1e-10f}, {0.03f, 0.2f, 0.0f, 1e-3f, 0.0f}},
       kUnused,
       {0}},
      {"rmsprop", {0.0f, 5.0f}, {averages[0], averages[1]}, kUnused, {0}},
      {"rmsprop-momentum", {0.0f, kInfinity}, {averages[0], averages[1]}, kUnused, {0}},
      {"rmsprop-centered", {0.0f, kInfinity}, {averages[0], averages[1]}, kUnused, {0}},
      {"rmsprop-centered-momentum", {1.0f, kInfinity}, {averages[0], averages[1]}, kUnused, {0}},
      {"dfw", {1e-5f}, {withMomentum[0], withMomentum[1]}, kUnused},
      {"dfw-momentum", {1e-5f}, {withMomentum[0], withMomentum[1]}, kUnused},
      {"l4mom", {0.15f, 0.9f, 0.75f, 1000.0f, 1e-12f, 10.0f}, {{0.01f}, {0.2f}}, kUsed},
      {"l4adam",
       {0.15f, 0.9f, 0.75f, 1000.0f, 1e-12f, 10.0f, 1000.0f, 1e-4f},
       {{0.01f}, {0.2f}},
       kUsed,
       {1}},
      {"aprox", {0.7f}, {{0.1f}, {1e-5f}}, kUnused},
      {"bpgrad", {1e-5f}, {withMomentum[0], withMomentum[1]}, kUnused},
      {"bpgrad-momentum", {1e-5f}, {withMomentum[0], withMomentum[1]}, kUnused},
      {"sps", {0.5f, 1e-8f, 0.01f, 1.0f}, {{0.0f}, {0.0f}}, kUnused},
      {"sps-smooth", {0.5f, 1e-8f, 1.1f, 1e-5f}, {{0.0f}, {0.0f}}, kUsed},
      {"momo", {0.1f, 0.1f, 0.0f, 0.0f, 1.0f, 0.01f}, {{0.0f}, {0.0f}}, kUsed},
      {"momoadam",
       {0.1f, 0.1f, 0.001f, 1e-8f, 0.0f, 1.0f, 0.01f, 0.0f},
       {{0.0f}, {0.0f}},
       kUsed,
       {1}},
  };
  return rows;
}

Case caseOf(const std::string& name, std::string title, Sizes sizes) {
  for (const RuleRow& row : ruleRows()) {
    if (row.name != name) continue;
    Case each = {};
    each.title = std::move(title);
    each.sizes = std::move(sizes);
    each.rule = numberOf(name);
    each.settings = row.settings;
    each.groups = {{row.groups[0], 1}};
    each.scalars = row.scalars;
    each.nonNegative = row.nonNegative;
    return each;
  }
  throw std::invalid_argument("the rule '" + name + "' has no row");
}

std::vector<Case> casesOfShapes() {
  const Sizes lanes = {kLaneCount - 1, kLaneCount, kLaneCount + 1, 4 * kLaneCount - 1,
                       4 * kLaneCount + 1};
  const Sizes chunks = {kChunkSize - 1, kChunkSize, kChunkSize + 1, 2 * kChunkSize,
                        5 * kChunkSize - 7};
  std::vector<Case> cases;
  const auto add = [&](std::string title, Sizes sizes) -> Case& {
    return cases.emplace_back(caseOf("alig-nesterov", std::move(title), std::move(sizes)));
  };
  add("no tensor", {});
  add("one element", {1});
  add("an empty tensor alone", {0});
  add("an empty tensor first", {0, 5, 33});
  add("an empty tensor in the middle", {5, 0, 33});
  add("an empty tensor last", {5, 33, 0});
  for (const std::size_t size : lanes) add(std::to_string(size) + " elements (lanes)", {size});
  for (const std::size_t size : chunks) add(std::to_string(size) + " elements (chunks)", {size});
  Sizes together = {0};
  together.insert(together.end(), lanes.begin(), lanes.end());
  together.push_back(1);
  together.insert(together.end(), chunks.begin(), chunks.end());
  together.push_back(17);
  add("all border sizes together", together);
  add("quarters of a vector", {1, 2, 3, 4, 5, 6, 7, 8, 1021, 1022, 1023, 1026});
  Case& thousand = add("1,000 tensors", manySizes(1000, 7919, 1500, 0));
  thousand.steps = 1;
  thousand.large = true;
  thousand.variants = {2};
  Case& many = add("more chunks than a chunk has elements", manySizes(kChunkSize + 600, 1, 3, 1));
  many.steps = 1;
  many.large = true;
  many.variants = {2};
  many.maxNorm = 3.0f;
  Case& big = add("three millions of elements", {600000, 3, 900001, 1300007});
  big.steps = 1;
  big.large = true;
  big.variants = {2};
  return cases;
}

std::vector<Case> casesOfValues() {
  const Sizes mixed = {1, 700, kLaneCount + 3, kChunkSize + 5};
  constexpr std::size_t kEpsilon = 0;
  constexpr std::size_t kLowerBound = 1;
  constexpr std::size_t kMaxLearningRate = 0;
  std::vector<Case> cases;
  const auto add = [&](std::string title, const char* rule = "alig-nesterov") -> Case& {
    return cases.emplace_back(caseOf(rule, std::move(title), mixed));
  };
  add("denormal gradients").scales.gradient = 1e-41;
  add("denormal parameters").scales = {1e-40, 1e-38, 1e-38};
  Case& decaying = add("velocities that decay out of the normal range");
  decaying.scales = {1.0, 0.0, 3e-38};
  decaying.steps = 6;
  add("huge gradients").scales.gradient = 3e38;
  Case& huge = add("huge parameters");
  huge.scales.parameter = 3e38;
  huge.maxNorm = 1e30f;
  Case& overflow = add("a parameter that overflows");
  overflow.sizes = {40, 3};
  overflow.scales = {3.4e38, 1.0, 3.4e38};
  overflow.maxNorm = 1.0f;
  add("all gradients 0").scales.gradient = 0.0;
  Case& noEpsilon = add("all gradients 0, epsilon 0");
  noEpsilon.scales.gradient = 0.0;
  noEpsilon.settings[kEpsilon] = 0.0f;
  add("loss 0").loss = 0.0f;
  Case& below = add("loss below its lower bound");
  below.loss = -3.0f;
  below.settings[kLowerBound] = -2.0f;
  add("infinite loss").loss = kInfinity;
  Case& nanLoss = add("loss that is not a number, projected");
  nanLoss.loss = kNaN;
  nanLoss.maxNorm = 0.5f;
  Case& infiniteStep = add("an infinite step size");
  infiniteStep.scales.gradient = 1e-30;
  infiniteStep.settings[kEpsilon] = 0.0f;
  infiniteStep.groups[0].settings[kMaxLearningRate] = kInfinity;
  Case& infiniteGradient = add("an infinite gradient, projected");
  infiniteGradient.gradientFlaw = kInfinity;
  infiniteGradient.maxNorm = 0.5f;
  add("a gradient that is not a number").gradientFlaw = kNaN;
  Case& nanParameter = add("a parameter that is not a number");
  nanParameter.parameterFlaw = kNaN;
  nanParameter.maxNorm = 0.5f;
  add("tensors without gradient").withoutGradient = {0, 2};
  Case& partly = add("tensors without gradient, projected");
  partly.withoutGradient = {1, 3};
  partly.maxNorm = 0.5f;
  Case& refusedPartly = add("tensors without gradient, refused");
  refusedPartly.withoutGradient = {1, 2};
  refusedPartly.loss = kInfinity;
  Case& none = add("no gradient at all, projected");
  none.withoutGradient = {0, 1, 2, 3};
  none.maxNorm = 0.5f;
  Case& noneFar = add("no gradient at all, inside the ball, infinite loss");
  noneFar.withoutGradient = {0, 1, 2, 3};
  noneFar.maxNorm = 1e9f;
  noneFar.loss = kInfinity;
  add("no maximal learning rate").groups[0].settings[kMaxLearningRate] = kInfinity;
  add("a small maximal learning rate").groups[0].settings[kMaxLearningRate] = 1e-4f;
  return cases;
}

// What depends on a rule: its formulas at the borders of quads, rows and chunks, two groups, its
// refusals and its scalars. A variant each, in turn.
std::vector<Case> casesOfRule(const RuleRow& row) {
  const Sizes sizes = {3, kLaneCount + 2, 0, kChunkSize + 6};
  const RuleFunctions& rule = ruleFunctions()[numberOf(row.name)];
  std::vector<Case> cases;
  const auto add = [&](const std::string& title) -> Case& {
    Case each = caseOf(row.name, std::string(row.name) + ": " + title, sizes);
    each.groups.push_back({row.groups[1], 40});
    each.steps = 2;
    each.variants = {cases.size() % std::size(kVariants)};
    return cases.emplace_back(std::move(each));
  };
  add("two groups").steps = 3;
  add("the ball active").maxNorm = 0.5f;
  add("denormal numbers").scales = {1e-40, 1e-38, 3e-38};
  add("huge gradients").scales.gradient = 3e38;
  add("all gradients 0").scales.gradient = 0.0;
  Case& partly = add("tensors without gradient, projected");
  partly.withoutGradient = {0, 2};
  partly.maxNorm = 0.5f;
  Case& refused = add("a gradient that is not a number, projected");
  refused.gradientFlaw = kNaN;
  refused.maxNorm = 0.5f;
  Case& infinite = add("tensors without gradient, an infinite gradient");
  infinite.gradientFlaw = kInfinity;
  infinite.withoutGradient = {1};
  Case& loss = add("a loss that is not a number");
  loss.loss = kNaN;
  loss.withoutGradient = {0};
  Case& none = add("no gradient at all, projected");
  none.withoutGradient = {0, 1, 2, 3};
  none.maxNorm = 0.5f;
  Case& parameter = add("a parameter that is infinite");
  parameter.parameterFlaw = kInfinity;
  parameter.maxNorm = 0.5f;
  if (rule.states > 0) add("a state that is not a number").stateFlaw = kNaN;
  // One rule is enough for what all share.
  if (&rule == ruleOfMostSums() && rule.sums > 1) {
    Case& many = add("more chunks than a chunk has elements");
    many.sizes = manySizes(kChunkSize + 600, 1, 3, 1);
    many.steps = 1;
    many.large = true;
    many.variants = {2};
  }
  return cases;
}

// NOTE [order of additions]
// A report has float32 norms, which hide nearly every change of the order of a double sum: it moves
// bit 53, and they keep 24. But two comparisons are made in double, and these cases put them on the
// edge. One value is 2^27, whose square 2^54 has neighbours 4 apart, and a few are 1: what is added
// to 2^54 as 1 or 2 is lost, and what has come together to 3 before is not. So the order decides
// whether the sum is 2^54 or more, and that decides whether the parameters are outside a ball of
// radius 2^27, and whether (1 + 2^-52) / sum is more than a maximal learning rate of 2^-54.
constexpr float kLarge = 134217728.0f;  // 2^27

std::vector<Case> casesOfOrder() {
  const Sizes shapes[] = {{kLaneCount}, {3 * kLaneCount + 5}, {5, 2 * kLaneCount, 3}, {kChunkSize}};
  std::vector<Case> cases;
  for (std::uint32_t seed = 1; seed <= 240; ++seed) {
    // A chunk for each element: the order in which the sums of chunks are added.
    Case each = caseOf("alig", "order of additions, seed " + std::to_string(seed),
                       seed % 12 == 0 ? Sizes(150, 1) : shapes[seed % std::size(shapes)]);
    each.settings = {0.0f, -1.0f / (1ull << 52)};
    each.groups[0].settings = {1.0f / kLarge / kLarge, 0.0f};
    each.variants = {2};
    each.maxNorm = kLarge;
    each.loss = 1.0f;
    each.orderSeed = seed;
    each.steps = 1;
    cases.push_back(std::move(each));
  }
  return cases;
}

namespace {

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
  for (const int k : each.nonNegative) {
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
  header.stepNumber = each.groups[0].stepNumber + stepsBefore;
  header.ball = {each.maxNorm};
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

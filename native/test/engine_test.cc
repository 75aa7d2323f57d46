// The CUDA engine, run by the shim of simt/, against the CPU engine: every bit of parameters,
// state, report and scalars. ALI-G goes through a table of cases like that of
// test/support/step-cases.ts; every rule of rules/all.h, with its row of ruleRows, through the
// cases that depend on a rule.
#include "cpu/engine.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "allocation_faults.h"
#include "cuda/library.h"
#include "engine/sum.h"

namespace tfjs_alig {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

using Array = std::vector<float>;
using Sizes = std::vector<std::size_t>;

// A rule with sensible settings: a new rule is a new row.
struct RuleRow {
  const char* name;
  Array settings;
  // Of two groups; one unused float for a rule without settings of a group.
  Array groups[2];
  Scalars scalars = {};
  // The arrays of state that hold no negative number (second moments).
  std::vector<int> nonNegative = {};
};

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

struct Variant {
  Layout layout;
  bool lossOnDevice;
  bool misaligned;

  std::string name() const {
    static const char* const kLayouts[] = {"in place", "new parameters", "all new"};
    return std::string(kLayouts[static_cast<int>(layout)]) +
           (lossOnDevice ? ", loss on the device" : ", loss by value") +
           (misaligned ? ", misaligned" : "");
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
  Array settings;
  std::vector<GroupCase> groups;  // tensor i is of group i modulo their number
  Scalars scalars = {};
  std::vector<int> nonNegative = {};
  Scales scales = {};
  float maxNorm = kInfinity;
  float loss = 0.7f;
  std::vector<std::size_t> withoutGradient = {};
  // Put into the middle of the last gradient, parameter or array of state.
  float gradientFlaw = 0.0f;
  float parameterFlaw = 0.0f;
  float stateFlaw = 0.0f;
  // Not 0: the values of NOTE [order of additions], by this seed.
  std::uint32_t orderSeed = 0;
  int steps = 3;
  // Too much for fibers under a sanitizer.
  bool large = false;
  // Of kVariants, which are run: all where the engine's own parts are tried.
  std::vector<std::size_t> variants = {0, 1, 2, 3};
};

std::size_t numberOf(const std::string& name) {
  for (std::size_t rule = 0; rule < kRules; ++rule) {
    if (ruleFunctions()[rule].name == name) return rule;
  }
  throw std::invalid_argument("there is no rule '" + name + "'");
}

// A case of one group, of the first settings of a rule's row.
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

const RuleFunctions* ruleOfMostSums() {
  return std::max_element(
      ruleFunctions(), ruleFunctions() + kRules,
      [](const RuleFunctions& one, const RuleFunctions& other) { return one.sums < other.sums; });
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

int statesOf(const Case& each) { return ruleFunctions()[each.rule].states; }

// Values of a case on the host.
struct Values {
  std::vector<Array> parameters;
  std::vector<Array> gradients;
  std::vector<Array> state[kMostStates];
};

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

// The input of a case's step (engine/step_input.h), which the one before gave these scalars.
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

// One step of the CPU engine, in place.
StepResult stepOnCpu(const Case& each, const Array& input, Values& values) {
  std::vector<StepTensor> tensors;
  for (std::size_t i = 0; i < each.sizes.size(); ++i) {
    StepTensor tensor = {};
    tensor.size = each.sizes[i];
    tensor.group = groupOf(each, i);
    tensor.gradient = hasGradient(each, i) ? values.gradients[i].data() : nullptr;
    tensor.parameter = values.parameters[i].data();
    tensor.newParameter = values.parameters[i].data();
    for (int k = 0; k < statesOf(each); ++k) {
      tensor.state[k] = tensor.newState[k] = values.state[k][i].data();
    }
    // An empty vector may have no address, and then would count as a missing gradient.
    static const float kEmpty = 0.0f;
    if (hasGradient(each, i) && !tensor.gradient) tensor.gradient = &kEmpty;
    tensors.push_back(tensor);
  }
  CpuStep step(std::move(tensors), each.loss, readStepInput(input.data(), input.size()));
  if (!stepWanted(each)) {
    step.measureParameters();
  } else if (step.decide()) {
    step.update();
  }
  if (step.projects()) step.project();
  return step.result();
}

int failures = 0;

void report(const std::string& where, const std::string& what) {
  if (++failures <= 20) std::printf("FAILED %s: %s\n", where.c_str(), what.c_str());
}

void expect(bool condition, const std::string& where, const std::string& what) {
  if (!condition) report(where, what);
}

// NaN equals NaN: its sign and payload differ between processors and are not part of the contract.
template <class Number>
bool sameBits(Number one, Number other) {
  return std::memcmp(&one, &other, sizeof one) == 0 || (std::isnan(one) && std::isnan(other));
}

template <class Number>
void expectSame(const Number* computed, const Number* expected, std::size_t size,
                const std::string& where) {
  for (std::size_t i = 0; i < size; ++i) {
    if (sameBits(computed[i], expected[i])) continue;
    char text[160];
    std::snprintf(text, sizeof text, "element %zu is %a instead of %a", i,
                  static_cast<double>(computed[i]), static_cast<double>(expected[i]));
    report(where, text);
    return;
  }
}

// Calls a function of the interface that must not fail.
class Caller {
 public:
  TfjsAligCudaError error() { return {message_, sizeof message_}; }
  const char* message() const { return message_; }
  void check(int status, const char* what) const {
    if (status != 0) {
      std::printf("FAILED %s: %s\n", what, message_);
      std::exit(1);
    }
  }

 private:
  char message_[256] = {};
};

class Engine {
 public:
  Engine() { caller_.check(tfjs_alig_cuda_open(0, &engine_, caller_.error()), "open"); }
  ~Engine() { tfjs_alig_cuda_close(engine_); }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  operator TfjsAligCudaEngine*() const { return engine_; }

 private:
  Caller caller_;
  TfjsAligCudaEngine* engine_ = nullptr;
};

// An array on the device; `shift` elements make its address less aligned.
class DeviceArray {
 public:
  DeviceArray(TfjsAligCudaEngine* engine, std::size_t size, std::size_t shift)
      : engine_(engine), size_(size), shift_(shift) {
    caller_.check(
        tfjs_alig_cuda_allocate(engine_, (size + shift) * sizeof(float), &memory_, caller_.error()),
        "allocate");
  }
  ~DeviceArray() { caller_.check(tfjs_alig_cuda_free(engine_, memory_, caller_.error()), "free"); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  float* data() const { return static_cast<float*>(memory_) + shift_; }
  void upload(const float* from) {
    caller_.check(
        tfjs_alig_cuda_upload(engine_, data(), from, size_ * sizeof(float), caller_.error()),
        "upload");
  }
  Array download() {
    Array array(size_);
    caller_.check(tfjs_alig_cuda_download(engine_, array.data(), data(), size_ * sizeof(float),
                                          caller_.error()),
                  "download");
    return array;
  }

 private:
  TfjsAligCudaEngine* engine_;
  std::size_t size_;
  std::size_t shift_;
  void* memory_ = nullptr;
  Caller caller_;
};

using DevicePointer = std::unique_ptr<DeviceArray>;
using DeviceArrays = std::vector<DevicePointer>;

// The steps of a case, on the device and on the CPU.
class Run {
 public:
  Run(const Engine& engine, const Case& each, const Variant& variant)
      : engine_(engine),
        case_(each),
        variant_(variant),
        where_(each.title + " (" + variant.name() + ")"),
        scalars_(each.scalars),
        expected_(valuesOf(each)),
        before_(expected_),
        loss_(upload(Array{each.loss}, 0)) {
    for (std::size_t i = 0; i < each.sizes.size(); ++i) {
      // Other shifts for each array of a tensor, and every third tensor aligned.
      const auto shift = [&](std::size_t array) {
        return variant.misaligned && i % 3 != 2 ? (i + array) % 4 : 0;
      };
      gradients_.push_back(upload(expected_.gradients[i], shift(0)));
      parameters_.push_back(upload(expected_.parameters[i], shift(1)));
      if (ownParameters()) newParameters_.push_back(fresh(each.sizes[i], shift(3)));
      for (int k = 0; k < statesOf(each); ++k) {
        const std::size_t array = static_cast<std::size_t>(k) + 2;
        state_[k].push_back(upload(expected_.state[k][i], shift(array)));
        if (ownState()) newState_[k].push_back(fresh(each.sizes[i], shift(array + 3)));
      }
    }
  }

  // Enqueues a step and does not wait for it.
  void step() {
    std::vector<StepTensor> tensors;
    for (std::size_t i = 0; i < case_.sizes.size(); ++i) {
      StepTensor tensor = {};
      tensor.size = case_.sizes[i];
      tensor.group = groupOf(case_, i);
      tensor.gradient = hasGradient(case_, i) ? gradients_[i]->data() : nullptr;
      tensor.parameter = parameters_[i]->data();
      tensor.newParameter = (ownParameters() ? newParameters_ : parameters_)[i]->data();
      for (int k = 0; k < statesOf(case_); ++k) {
        tensor.state[k] = state_[k][i]->data();
        tensor.newState[k] = (ownState() ? newState_ : state_)[k][i]->data();
      }
      tensors.push_back(tensor);
    }
    const Array input = inputOf(case_, results_.size(), scalars_);
    // Aligned for the doubles in it.
    results_.push_back(fresh(kResultWords, results_.size() % 2 * 2));
    Caller caller;
    caller.check(tfjs_alig_cuda_step(engine_, tensors.data(), tensors.size(),
                                     variant_.lossOnDevice ? loss_->data() : nullptr,
                                     variant_.lossOnDevice ? kNaN : case_.loss, input.data(),
                                     input.size(), results_.back()->data(), caller.error()),
                 "step");
    if (ownParameters()) parameters_.swap(newParameters_);
    if (ownState()) std::swap(state_, newState_);
    before_ = expected_;
    expectedResults_.push_back(stepOnCpu(case_, input, expected_));
    scalars_ = expectedResults_.back().scalars;
  }

  void compare() {
    for (std::size_t i = 0; i < results_.size(); ++i) {
      const std::string where = where_ + ", step " + std::to_string(i);
      const Array words = results_[i]->download();
      StepResult computed;
      std::memcpy(&computed, words.data(), sizeof computed);
      const StepResult& expected = expectedResults_[i];
      expectSame(&computed.report.status, &expected.report.status,
                 sizeof(StepReport) / sizeof(float), where + ", report");
      expectSame(computed.scalars.values, expected.scalars.values, kMostScalars,
                 where + ", scalars");
    }
    compare(parameters_, expected_.parameters, "parameters");
    compare(gradients_, expected_.gradients, "gradients");
    // What the last step read is as it was.
    if (ownParameters()) compare(newParameters_, before_.parameters, "old parameters");
    for (int k = 0; k < statesOf(case_); ++k) {
      compare(state_[k], expected_.state[k], "state");
      if (ownState()) compare(newState_[k], before_.state[k], "old state");
    }
  }

 private:
  bool ownParameters() const { return variant_.layout != Layout::kInPlace; }
  bool ownState() const { return variant_.layout == Layout::kAllNew; }

  DevicePointer fresh(std::size_t size, std::size_t shift) const {
    return std::make_unique<DeviceArray>(engine_, size, shift);
  }

  DevicePointer upload(const Array& array, std::size_t shift) const {
    DevicePointer copy = fresh(array.size(), shift);
    copy->upload(array.data());
    return copy;
  }

  void compare(const DeviceArrays& computed, const std::vector<Array>& expected,
               const char* what) const {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      expectSame(computed[i]->download().data(), expected[i].data(), expected[i].size(),
                 where_ + ", " + what + " of tensor " + std::to_string(i));
    }
  }

  const Engine& engine_;
  const Case& case_;
  Variant variant_;
  std::string where_;
  Scalars scalars_;
  Values expected_;
  Values before_;
  std::vector<StepResult> expectedResults_;
  DevicePointer loss_;
  DeviceArrays gradients_;
  DeviceArrays parameters_;
  DeviceArrays newParameters_;
  DeviceArrays state_[kMostStates];
  DeviceArrays newState_[kMostStates];
  DeviceArrays results_;
};

void testCase(const Engine& engine, const Case& each) {
  for (const std::size_t variant : each.variants) {
    Run run(engine, each, kVariants[variant]);
    for (int i = 0; i < each.steps; ++i) run.step();
    run.compare();
  }
}

// Each rule has a row, of the right length.
void testRows() {
  for (std::size_t rule = 0; rule < kRules; ++rule) {
    const RuleFunctions& functions = ruleFunctions()[rule];
    const Case each = caseOf(functions.name, "", {});
    expect(each.settings.size() == functions.settingsWords, functions.name, "settings of its row");
    for (const RuleRow& row : ruleRows()) {
      if (row.name != std::string(functions.name)) continue;
      for (const Array& group : row.groups) {
        expect(group.size() + 1 == functions.groupWords, row.name, "settings of its row's groups");
      }
    }
  }
}

// Lists of different lengths one after the other, so that the scratch memory grows and the table is
// filled again while earlier steps have not yet run; and a second engine beside it.
void testQueuedSteps(const std::vector<Case>& cases) {
  const Engine first;
  const Engine second;
  std::vector<std::unique_ptr<Run>> runs;
  for (std::size_t i = 0; i < cases.size(); i += 4) {
    if (cases[i].large) continue;
    const Engine& engine = i % 8 == 0 ? first : second;
    const Layout layout = i % 3 == 0 ? Layout::kInPlace : Layout::kNewParameters;
    runs.push_back(std::make_unique<Run>(engine, cases[i], Variant{layout, true, false}));
  }
  for (int round = 0; round < 2; ++round) {
    for (const auto& run : runs) run->step();
  }
  for (const auto& run : runs) run->compare();
}

// A gradient that another stream still copies when the step is about to be enqueued.
void testOtherStream(const Engine& engine) {
  const std::string where = "inputs of another stream";
  Caller caller;
  cudaStream_t stream = nullptr;
  expect(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess, where, "stream");
  float parameter = 1.0f;
  float gradient = 2.0f;
  DeviceArray parameterArray(engine, 1, 0);
  DeviceArray gradientArray(engine, 1, 0);
  DeviceArray result(engine, kResultWords, 0);
  parameterArray.upload(&parameter);
  cudaMemcpyAsync(gradientArray.data(), &gradient, sizeof gradient, cudaMemcpyHostToDevice, stream);
  caller.check(tfjs_alig_cuda_wait_for_device(engine, caller.error()), "wait_for_device");
  StepTensor tensor = {
      1, gradientArray.data(), parameterArray.data(), parameterArray.data(), {}, {}, 0};
  Case each = caseOf("alig", where, {1});
  each.groups[0].settings = {0.25f, 0.0f};
  const Array input = inputOf(each, 0, each.scalars);
  caller.check(tfjs_alig_cuda_step(engine, &tensor, 1, nullptr, 100.0f, input.data(), input.size(),
                                   result.data(), caller.error()),
               "step");
  caller.check(tfjs_alig_cuda_wait(engine, caller.error()), "wait");
  expect(parameterArray.download()[0] == 0.5f, where, "the gradient was not waited for");
  cudaStreamDestroy(stream);
}

void testErrors(const Engine& engine) {
  const std::string where = "errors";
  Caller caller;
  const auto expectMessage = [&](int status, const char* text) {
    expect(status != 0 && std::strstr(caller.message(), text), where,
           std::string("'") + caller.message() + "' does not say '" + text + "'");
  };
  TfjsAligCudaEngine* missing = nullptr;
  expectMessage(tfjs_alig_cuda_open(7, &missing, caller.error()), "choosing the GPU");
  expect(!missing, where, "an engine on a GPU that does not exist");
  int count = 0;
  caller.check(tfjs_alig_cuda_device_count(&count, caller.error()), "device_count");
  expect(count == 1, where, "one device");
  TfjsAligCudaDevice device;
  caller.check(tfjs_alig_cuda_device(0, &device, caller.error()), "device");
  expect(device.computeCapability == 90 && device.memoryBytes > 0, where, "the device");
  expectMessage(tfjs_alig_cuda_device(1, &device, caller.error()), "properties");
  expect(std::strcmp(tfjs_alig_cuda_version(), TFJS_ALIG_VERSION) == 0, where, "the version");

  DeviceArray array(engine, 4, 0);
  DeviceArray result(engine, kResultWords, 0);
  const auto step = [&](const StepTensor& tensor, const char* rule, float radius) {
    Case each = caseOf(rule, where, {4});
    each.maxNorm = radius;
    const Array input = inputOf(each, 0, each.scalars);
    return tfjs_alig_cuda_step(engine, &tensor, 1, nullptr, 1.0f, input.data(), input.size(),
                               result.data(), caller.error());
  };
  float* const data = array.data();
  expectMessage(step({4, data, data, data, {}, {}, 0}, "alig-nesterov", kInfinity),
                "tensor 0 has a gradient but not all the state that rule 'alig-nesterov' needs");
  expectMessage(step({4, data, data, nullptr, {}, {}, 0}, "alig", kInfinity),
                "no place for its new parameter");
  expectMessage(step({4, nullptr, data, nullptr, {}, {}, 0}, "alig", 1.0f),
                "no place for its new parameter");
  expectMessage(step({4, data, nullptr, data, {}, {}, 0}, "alig", 1.0f), "no parameter");
  expectMessage(step({4, data, data, data, {data}, {}, 0}, "alig-nesterov", 1.0f),
                "without the other");
  expectMessage(step({4, data, data, data, {}, {}, 1}, "alig", 1.0f),
                "tensor 0 is of group 1, but there are 1");
  expectMessage(step({std::size_t{1} << 50, data, data, data, {}, {}, 0}, "alig", 1.0f),
                "too many parameters");
  caller.check(step({4, nullptr, data, nullptr, {}, {}, 0}, "alig", kInfinity),
               "a step that has no place to write and needs none");
  expectMessage(tfjs_alig_cuda_step(engine, nullptr, 0, nullptr, 1.0f, &kNaN, 1, result.data(),
                                    caller.error()),
                "a step's input has no header");
  caller.check(tfjs_alig_cuda_wait(engine, caller.error()), "wait");

  char small[8];
  expect(tfjs_alig_cuda_open(7, &missing, {small, sizeof small}) != 0, where, "a short message");
  expect(std::strlen(small) == 7, where, "a message is cut to its place");
  expect(tfjs_alig_cuda_open(7, &missing, {}) != 0, where, "an error without a place for its text");
  void* nothing = nullptr;
  caller.check(tfjs_alig_cuda_allocate(engine, 0, &nothing, caller.error()), "allocate");
  expect(nothing != nullptr, where, "an empty array has an address");
  caller.check(tfjs_alig_cuda_free(engine, nothing, caller.error()), "free");
}

void expectSame(const Values& computed, const Values& expected, int states,
                const std::string& where) {
  for (std::size_t i = 0; i < expected.parameters.size(); ++i) {
    const std::string tensor = " of tensor " + std::to_string(i);
    expectSame(computed.parameters[i].data(), expected.parameters[i].data(),
               expected.parameters[i].size(), where + ", parameters" + tensor);
    for (int k = 0; k < states; ++k) {
      expectSame(computed.state[k][i].data(), expected.state[k][i].data(),
                 expected.state[k][i].size(), where + ", state" + tensor);
    }
  }
}

// A step in place on the CPU whose allocations fail, one after the other: what it steps is as it
// was. Returns how many there were.
int failOnCpu(const Case& each, const Array& input, const Values& before, const Values& after) {
  for (int allocations = 0;; ++allocations) {
    Values values = before;
    bool failed = false;
    hostAllocationsLeft = allocations;
    try {
      stepOnCpu(each, input, values);
    } catch (const std::bad_alloc&) {
      failed = true;
    }
    hostAllocationsLeft = -1;
    const std::string where = each.title + ", allocation " + std::to_string(allocations);
    expectSame(values, failed ? before : after, statesOf(each), where + " on the CPU");
    if (!failed) return allocations;
  }
}

// The same on the device, where each engine begins without scratch memory; the step after it, with
// all memory that it asks for, is as if nothing had been.
int failOnDevice(const Case& each, const Array& input, const Values& before, const Values& after) {
  for (int allocations = 0;; ++allocations) {
    const Engine engine;
    Caller caller;
    const auto uploaded = [&](const Array& array) {
      auto copy = std::make_unique<DeviceArray>(engine, array.size(), 0);
      copy->upload(array.data());
      return copy;
    };
    std::vector<StepTensor> tensors;
    DeviceArrays gradients, parameters, state[kMostStates];
    for (std::size_t i = 0; i < each.sizes.size(); ++i) {
      StepTensor tensor = {};
      tensor.size = each.sizes[i];
      tensor.group = groupOf(each, i);
      gradients.push_back(uploaded(before.gradients[i]));
      parameters.push_back(uploaded(before.parameters[i]));
      tensor.gradient = hasGradient(each, i) ? gradients[i]->data() : nullptr;
      tensor.parameter = tensor.newParameter = parameters[i]->data();
      for (int k = 0; k < statesOf(each); ++k) {
        state[k].push_back(uploaded(before.state[k][i]));
        tensor.state[k] = tensor.newState[k] = state[k][i]->data();
      }
      tensors.push_back(tensor);
    }
    DeviceArray result(engine, kResultWords, 0);
    const auto step = [&] {
      return tfjs_alig_cuda_step(engine, tensors.data(), tensors.size(), nullptr, each.loss,
                                 input.data(), input.size(), result.data(), caller.error());
    };
    const auto compare = [&](const Values& expected, const std::string& where) {
      Values values = expected;
      for (std::size_t i = 0; i < each.sizes.size(); ++i) {
        values.parameters[i] = parameters[i]->download();
        for (int k = 0; k < statesOf(each); ++k) values.state[k][i] = state[k][i]->download();
      }
      expectSame(values, expected, statesOf(each), where);
    };
    deviceAllocationsLeft = allocations;
    const bool failed = step() != 0;
    deviceAllocationsLeft = -1;
    const std::string where =
        each.title + ", allocation " + std::to_string(allocations) + " on the device";
    compare(failed ? before : after, where);
    if (!failed) return allocations;
    caller.check(step(), "the step after one without memory");
    compare(after, where + ", the step after it");
  }
}

// NOTE [nothing is half done] in cpu/engine.h, for each rule, with a ball that is left.
int testAllocationFaults() {
  int faults = 0;
  for (const RuleRow& row : ruleRows()) {
    Case each = caseOf(row.name, std::string(row.name) + " without memory", {5, 20000, 3});
    each.maxNorm = 0.5f;
    each.withoutGradient = {2};
    const Array input = inputOf(each, 0, each.scalars);
    const Values before = valuesOf(each);
    Values after = before;
    const StepResult result = stepOnCpu(each, input, after);
    expect(result.report.projected == 1.0f, each.title, "no projection");
    const int onCpu = failOnCpu(each, input, before, after);
    const int onDevice = failOnDevice(each, input, before, after);
    expect(onCpu > 0 || !TFJS_ALIG_HOST_ALLOCATIONS_FAIL, each.title, "nothing was allocated");
    expect(onDevice > 0, each.title, "nothing was allocated on the device");
    faults += onCpu + onDevice;
  }
  return faults;
}

int runAll(bool large) {
  std::vector<Case> cases = casesOfShapes();
  for (Case& each : casesOfValues()) cases.push_back(std::move(each));
  for (Case& each : casesOfOrder()) cases.push_back(std::move(each));
  for (const RuleRow& row : ruleRows()) {
    for (Case& each : casesOfRule(row)) cases.push_back(std::move(each));
  }
  testRows();
  int ran = 0;
  {
    const Engine engine;
    testErrors(engine);
    testOtherStream(engine);
    for (const Case& each : cases) {
      if (each.large && !large) continue;
      testCase(engine, each);
      ++ran;
    }
  }
  testQueuedSteps(cases);
  const int faults = testAllocationFaults();
  std::printf("%d cases, %d allocations that failed, %d differences\n", ran, faults, failures);
  return failures == 0 && ran > 0 ? 0 : 1;
}

}  // namespace
}  // namespace tfjs_alig

int main(int count, char** arguments) {
  return tfjs_alig::runAll(count > 1 && std::strcmp(arguments[1], "--large") == 0);
}

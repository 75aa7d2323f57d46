// The CUDA engine, run by the shim of simt/, against the CPU engine: every bit of parameters,
// velocities and report, over a table of cases like that of test/support/step-cases.ts.
#include "cpu/engine.h"

#include <cuda_runtime.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cuda/library.h"
#include "engine/sum.h"

namespace tfjs_alig {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

using Array = std::vector<float>;
using Sizes = std::vector<std::size_t>;

struct Scales {
  double parameter = 1.0;
  double gradient = 1.0;
  double velocity = 1.0;
};

struct Case {
  std::string title;
  Sizes sizes;
  Scales scales;
  AliG::Settings settings = {0.1f, 0.9f, 1e-5f, 0.0f, 0.0f};
  float maxNorm = kInfinity;
  float loss = 0.7f;
  std::vector<std::size_t> withoutGradient;
  // Put into the middle of the last gradient or parameter.
  float gradientFlaw = 0.0f;
  float parameterFlaw = 0.0f;
  // Not 0: the values of NOTE [order of additions], by this seed.
  std::uint32_t orderSeed = 0;
  int steps = 3;
  // Too much for fibers under a sanitizer.
  bool large = false;
};

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
    Case each;
    each.title = std::move(title);
    each.sizes = std::move(sizes);
    return cases.emplace_back(std::move(each));
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
  Case& many = add("more chunks than a chunk has elements", manySizes(kChunkSize + 600, 1, 3, 1));
  many.steps = 1;
  many.large = true;
  many.maxNorm = 3.0f;
  Case& big = add("three millions of elements", {600000, 3, 900001, 1300007});
  big.steps = 1;
  big.large = true;
  return cases;
}

std::vector<Case> casesOfValues() {
  const Sizes mixed = {1, 700, kLaneCount + 3, kChunkSize + 5};
  std::vector<Case> cases;
  const auto add = [&](std::string title) -> Case& {
    Case each;
    each.title = std::move(title);
    each.sizes = mixed;
    return cases.emplace_back(std::move(each));
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
  noEpsilon.settings.epsilon = 0.0f;
  add("loss 0").loss = 0.0f;
  Case& below = add("loss below its lower bound");
  below.loss = -3.0f;
  below.settings.lowerBound = -2.0f;
  add("infinite loss").loss = kInfinity;
  Case& nanLoss = add("loss that is not a number, projected");
  nanLoss.loss = kNaN;
  nanLoss.maxNorm = 0.5f;
  Case& infiniteStep = add("an infinite step size");
  infiniteStep.scales.gradient = 1e-30;
  infiniteStep.settings.epsilon = 0.0f;
  infiniteStep.settings.maximalLearningRate = kInfinity;
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
  add("no momentum").settings.momentum = 0.0f;
  add("adjusted momentum").settings.adjustedMomentum = 1.0f;
  add("no maximal learning rate").settings.maximalLearningRate = kInfinity;
  add("a small maximal learning rate").settings.maximalLearningRate = 1e-4f;
  Case& plainBall = add("the ball active, no momentum");
  plainBall.settings.momentum = 0.0f;
  plainBall.maxNorm = 3.0f;
  add("the ball active, momentum").maxNorm = 3.0f;
  Case& adjustedBall = add("the ball active, adjusted momentum");
  adjustedBall.settings.adjustedMomentum = 1.0f;
  adjustedBall.maxNorm = 3.0f;
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
    Case each;
    each.title = "order of additions, seed " + std::to_string(seed);
    // A chunk for each element: the order in which the sums of chunks are added.
    each.sizes = seed % 12 == 0 ? Sizes(150, 1) : shapes[seed % std::size(shapes)];
    each.settings = {1.0f / kLarge / kLarge, 0.0f, 0.0f, -1.0f / (1ull << 52), 0.0f};
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

// Values of a case on the host.
struct Values {
  std::vector<Array> parameters;
  std::vector<Array> gradients;
  std::vector<Array> velocities;
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
  values.velocities = arrays(each.scales.velocity);
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

bool usesMomentum(const Case& each) { return AliG::form(each.settings) != AliG::Form::kPlain; }

// One step of the CPU engine, in place.
StepReport stepOnCpu(const Case& each, Values& values) {
  std::vector<StepTensor> tensors;
  for (std::size_t i = 0; i < each.sizes.size(); ++i) {
    StepTensor tensor = {};
    tensor.size = each.sizes[i];
    tensor.gradient = hasGradient(each, i) ? values.gradients[i].data() : nullptr;
    tensor.parameter = values.parameters[i].data();
    tensor.newParameter = values.parameters[i].data();
    tensor.velocity = values.velocities[i].data();
    tensor.newVelocity = values.velocities[i].data();
    // An empty vector may have no address, and then would count as a missing gradient.
    static const float kEmpty = 0.0f;
    if (hasGradient(each, i) && !tensor.gradient) tensor.gradient = &kEmpty;
    tensors.push_back(tensor);
  }
  CpuStep step(std::move(tensors), each.loss, each.settings, L2Ball{each.maxNorm});
  if (stepWanted(each)) {
    step.update();
  } else {
    step.measureParameters();
  }
  if (step.projects()) step.project();
  return step.report();
}

int failures = 0;

void report(const std::string& where, const std::string& what) {
  if (++failures <= 20) std::printf("FAILED %s: %s\n", where.c_str(), what.c_str());
}

void expect(bool condition, const std::string& where, const std::string& what) {
  if (!condition) report(where, what);
}

// NaN equals NaN: its sign and payload differ between processors and are not part of the contract.
bool sameBits(float one, float other) {
  return std::memcmp(&one, &other, sizeof one) == 0 || (std::isnan(one) && std::isnan(other));
}

void expectSame(const float* computed, const float* expected, std::size_t size,
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

// Which new values have buffers of their own: those of the add-on's host arrays, of TensorFlow's
// later steps (velocities in place), and of its first step.
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

using DevicePointer = std::unique_ptr<DeviceArray>;

// The steps of a case, on the device and on the CPU.
class Run {
 public:
  Run(const Engine& engine, const Case& each, const Variant& variant)
      : engine_(engine),
        case_(each),
        variant_(variant),
        where_(each.title + " (" + variant.name() + ")"),
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
      velocities_.push_back(upload(expected_.velocities[i], shift(2)));
      if (variant.layout != Layout::kInPlace) {
        newParameters_.push_back(fresh(each.sizes[i], shift(3)));
      }
      if (variant.layout == Layout::kAllNew) {
        newVelocities_.push_back(fresh(each.sizes[i], shift(1)));
      }
    }
  }

  // Enqueues a step and does not wait for it.
  void step() {
    std::vector<StepTensor> tensors;
    for (std::size_t i = 0; i < case_.sizes.size(); ++i) {
      StepTensor tensor = {};
      tensor.size = case_.sizes[i];
      tensor.gradient = hasGradient(case_, i) ? gradients_[i]->data() : nullptr;
      tensor.parameter = parameters_[i]->data();
      tensor.newParameter = (ownParameters() ? newParameters_ : parameters_)[i]->data();
      if (usesMomentum(case_) || ownVelocities()) {
        tensor.velocity = velocities_[i]->data();
        tensor.newVelocity = (ownVelocities() ? newVelocities_ : velocities_)[i]->data();
      }
      tensors.push_back(tensor);
    }
    float settings[AliG::kSettings + 1];
    std::memcpy(settings, &case_.settings, sizeof case_.settings);
    settings[AliG::kSettings] = case_.maxNorm;
    reports_.push_back(fresh(kReportFields, reports_.size() % 4));
    Caller caller;
    caller.check(tfjs_alig_cuda_step(engine_, tensors.data(), tensors.size(),
                                     variant_.lossOnDevice ? loss_->data() : nullptr,
                                     variant_.lossOnDevice ? kNaN : case_.loss, settings,
                                     reports_.back()->data(), caller.error()),
                 "step");
    if (ownParameters()) parameters_.swap(newParameters_);
    if (ownVelocities()) velocities_.swap(newVelocities_);
    before_ = expected_;
    expectedReports_.push_back(stepOnCpu(case_, expected_));
  }

  void compare() {
    for (std::size_t i = 0; i < reports_.size(); ++i) {
      const Array computed = reports_[i]->download();
      float expected[kReportFields];
      std::memcpy(expected, &expectedReports_[i], sizeof expected);
      expectSame(computed.data(), expected, kReportFields,
                 where_ + ", report of step " + std::to_string(i));
    }
    compare(parameters_, expected_.parameters, "parameters");
    compare(velocities_, expected_.velocities, "velocities");
    compare(gradients_, expected_.gradients, "gradients");
    // What the last step read is as it was.
    if (ownParameters()) compare(newParameters_, before_.parameters, "old parameters");
    if (ownVelocities()) compare(newVelocities_, before_.velocities, "old velocities");
  }

 private:
  bool ownParameters() const { return variant_.layout != Layout::kInPlace; }
  bool ownVelocities() const { return variant_.layout == Layout::kAllNew; }

  DevicePointer fresh(std::size_t size, std::size_t shift) const {
    return std::make_unique<DeviceArray>(engine_, size, shift);
  }

  DevicePointer upload(const Array& array, std::size_t shift) const {
    DevicePointer copy = fresh(array.size(), shift);
    copy->upload(array.data());
    return copy;
  }

  void compare(const std::vector<DevicePointer>& computed, const std::vector<Array>& expected,
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
  Values expected_;
  Values before_;
  std::vector<StepReport> expectedReports_;
  DevicePointer loss_;
  std::vector<DevicePointer> gradients_;
  std::vector<DevicePointer> parameters_;
  std::vector<DevicePointer> velocities_;
  std::vector<DevicePointer> newParameters_;
  std::vector<DevicePointer> newVelocities_;
  std::vector<DevicePointer> reports_;
};

void testCase(const Engine& engine, const Case& each) {
  static const Variant kVariants[] = {
      {Layout::kInPlace, false, false},
      {Layout::kNewParameters, true, false},
      {Layout::kAllNew, true, true},
      {Layout::kInPlace, true, true},
  };
  for (const Variant& variant : kVariants) {
    // One variant of what takes a second each, or does not depend on it.
    if ((each.large || each.orderSeed) && &variant != &kVariants[2]) continue;
    Run run(engine, each, variant);
    for (int i = 0; i < each.steps; ++i) run.step();
    run.compare();
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
  DeviceArray reportArray(engine, kReportFields, 0);
  parameterArray.upload(&parameter);
  cudaMemcpyAsync(gradientArray.data(), &gradient, sizeof gradient, cudaMemcpyHostToDevice, stream);
  caller.check(tfjs_alig_cuda_wait_for_device(engine, caller.error()), "wait_for_device");
  const StepTensor tensor = {
      1, gradientArray.data(), parameterArray.data(), parameterArray.data(), nullptr, nullptr};
  const float settings[] = {0.25f, 0.0f, 0.0f, 0.0f, 0.0f, kInfinity};
  caller.check(tfjs_alig_cuda_step(engine, &tensor, 1, nullptr, 100.0f, settings,
                                   reportArray.data(), caller.error()),
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
  DeviceArray reportArray(engine, kReportFields, 0);
  const auto step = [&](const StepTensor& tensor, float momentum, float radius) {
    const float settings[] = {0.1f, momentum, 0.0f, 0.0f, 0.0f, radius};
    return tfjs_alig_cuda_step(engine, &tensor, 1, nullptr, 1.0f, settings, reportArray.data(),
                               caller.error());
  };
  float* const data = array.data();
  expectMessage(step({4, data, data, data, nullptr, nullptr}, 0.9f, kInfinity),
                "tensor 0 has a gradient but no velocity");
  expectMessage(step({4, data, data, nullptr, nullptr, nullptr}, 0.0f, kInfinity),
                "no place for its new parameter");
  expectMessage(step({4, nullptr, data, nullptr, nullptr, nullptr}, 0.0f, 1.0f),
                "no place for its new parameter");
  expectMessage(step({4, data, nullptr, data, nullptr, nullptr}, 0.0f, 1.0f), "no parameter");
  expectMessage(step({4, data, data, data, data, nullptr}, 0.0f, 1.0f), "without the other");
  expectMessage(step({std::size_t{1} << 50, data, data, data, nullptr, nullptr}, 0.0f, 1.0f),
                "too many parameters");
  caller.check(step({4, nullptr, data, nullptr, nullptr, nullptr}, 0.0f, kInfinity),
               "a step that has no place to write and needs none");
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

int runAll(bool large) {
  std::vector<Case> cases = casesOfShapes();
  for (Case& each : casesOfValues()) cases.push_back(std::move(each));
  for (Case& each : casesOfOrder()) cases.push_back(std::move(each));
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
  std::printf("%d cases, %d differences\n", ran, failures);
  return failures == 0 && ran > 0 ? 0 : 1;
}

}  // namespace
}  // namespace tfjs_alig

int main(int count, char** arguments) {
  return tfjs_alig::runAll(count > 1 && std::strcmp(arguments[1], "--large") == 0);
}

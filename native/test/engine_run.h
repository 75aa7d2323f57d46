// Runs the cases on the CUDA engine and on the CPU, and compares every bit.
#ifndef TFJS_ALIG_TEST_ENGINE_RUN_H_
#define TFJS_ALIG_TEST_ENGINE_RUN_H_

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cuda/library.h"
#include "engine_cases.h"

namespace tfjs_alig {

// How many expectations failed.
extern int failures;
void report(const std::string& where, const std::string& what);
void expect(bool condition, const std::string& where, const std::string& what);

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

void expectSame(const Values& computed, const Values& expected, int states,
                const std::string& where);

// One step of the CPU engine, in place.
StepResult stepOnCpu(const Case& each, const Array& input, Values& values);

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
  ~DeviceArray() {
    const auto free = later_ ? tfjs_alig_cuda_free_later : tfjs_alig_cuda_free;
    caller_.check(free(engine_, memory_, caller_.error()), "free");
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  float* data() const { return static_cast<float*>(memory_) + shift_; }
  void freeLater() { later_ = true; }
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
  bool later_ = false;
  void* memory_ = nullptr;
  Caller caller_;
};

// A place for the result of one step.
inline StepResult* newResult(TfjsAligCudaEngine* engine) {
  Caller caller;
  void* memory = nullptr;
  caller.check(tfjs_alig_cuda_allocate_host(engine, sizeof(StepResult), &memory, caller.error()),
               "allocate_host");
  return static_cast<StepResult*>(memory);
}

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
      const auto shift = [&](int array) { return shiftOf(i, array); };
      gradients_.push_back(upload(expected_.gradients[i], shift(kGradient)));
      parameters_.push_back(upload(expected_.parameters[i], shift(kParameter)));
      if (ownParameters()) newParameters_.push_back(fresh(each.sizes[i], shift(kNewParameter)));
      for (int k = 0; k < statesOf(each); ++k) {
        state_[k].push_back(upload(expected_.state[k][i], shift(kFirstState + k)));
        if (ownState()) {
          newState_[k].push_back(fresh(each.sizes[i], shift(kFirstState + kMostStates + k)));
        }
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
    results_.push_back(newResult(engine_));
    Caller caller;
    caller.check(tfjs_alig_cuda_step(engine_, tensors.data(), tensors.size(),
                                     variant_.lossOnDevice ? loss_->data() : nullptr,
                                     variant_.lossOnDevice ? kNaN : case_.loss, input.data(),
                                     input.size(), results_.back(), caller.error()),
                 "step");
    if (ownParameters()) parameters_.swap(newParameters_);
    if (ownState()) std::swap(state_, newState_);
    before_ = expected_;
    expectedResults_.push_back(stepOnCpu(case_, input, expected_));
    scalars_ = expectedResults_.back().scalars;
  }

  void compare() {
    Caller caller;
    caller.check(tfjs_alig_cuda_wait(engine_, caller.error()), "wait");
    for (std::size_t i = 0; i < results_.size(); ++i) {
      const std::string where = where_ + ", step " + std::to_string(i);
      const StepResult& computed = *results_[i];
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

  // Other shifts for each array of a tensor, and every third tensor aligned; or one array alone, by
  // 1 to 3 elements.
  std::size_t shiftOf(std::size_t tensor, int array) const {
    const std::size_t number = tensor + static_cast<std::size_t>(array);
    if (variant_.onlyMisaligned >= 0) {
      const auto layout = static_cast<std::size_t>(variant_.layout);
      return array == variant_.onlyMisaligned ? 1 + (number + layout) % 3 : 0;
    }
    return variant_.misaligned && tensor % 3 != 2 ? number % 4 : 0;
  }

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
  std::vector<StepResult*> results_;
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_TEST_ENGINE_RUN_H_

// The CUDA engine, run by the shim of simt/, against the CPU engine: every bit of parameters,
// state, report and scalars, over the table of cases that all engines are compared on.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "allocation_faults.h"
#include "engine_memory_test.h"
#include "engine_run.h"

namespace tfjs_alig {
namespace {

void testCase(const Engine& engine, const Case& each) {
  for (const std::size_t variant : each.variants) {
    Run run(engine, each, kVariants[variant]);
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

void testZeros(const Engine& engine) {
  const std::string where = "zeros";
  Caller caller;
  DeviceArray array(engine, 5, 0);
  const float values[5] = {1, 2, 3, 4, 5};
  array.upload(values);
  caller.check(tfjs_alig_cuda_set_zero(engine, array.data(), 4 * sizeof(float), caller.error()),
               "set_zero");
  const Array computed = array.download();
  expect(computed == Array({0, 0, 0, 0, 5}), where, "not zeros, or more than asked for");
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
  StepResult* const result = newResult(engine);
  parameterArray.upload(&parameter);
  cudaMemcpyAsync(gradientArray.data(), &gradient, sizeof gradient, cudaMemcpyHostToDevice, stream);
  caller.check(tfjs_alig_cuda_follow_device(engine, caller.error()), "follow_device");
  StepTensor tensor = {
      1, gradientArray.data(), parameterArray.data(), parameterArray.data(), {}, {}, 0};
  Case each = caseOf("alig", where, {1});
  each.groups[0].settings = {0.25f, 0.0f};
  const Array input = inputOf(each, 0, each.scalars);
  caller.check(tfjs_alig_cuda_step(engine, &tensor, 1, nullptr, 100.0f, input.data(), input.size(),
                                   result, caller.error()),
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
  StepResult* const result = newResult(engine);
  const auto step = [&](const StepTensor& tensor, const char* rule, float radius) {
    Case each = caseOf(rule, where, {4});
    each.maxNorm = radius;
    const Array input = inputOf(each, 0, each.scalars);
    return tfjs_alig_cuda_step(engine, &tensor, 1, nullptr, 1.0f, input.data(), input.size(),
                               result, caller.error());
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
  expectMessage(
      tfjs_alig_cuda_step(engine, nullptr, 0, nullptr, 1.0f, &kNaN, 1, result, caller.error()),
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
    StepResult* const result = newResult(engine);
    const auto step = [&] {
      return tfjs_alig_cuda_step(engine, tensors.data(), tensors.size(), nullptr, each.loss,
                                 input.data(), input.size(), result, caller.error());
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
  for (const std::string& rule : ruleNames()) {
    Case each = caseOf(rule, rule + " without memory", {5, 20000, 3});
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

// `large`: also cases that take seconds. `memory`: only cases that touch other memory than the
// others.
int runAll(bool large, bool memory) {
  const std::vector<Case>& cases = tableOfCases();
  int ran = 0;
  {
    const Engine engine;
    testErrors(engine);
    testZeros(engine);
    testOtherStream(engine);
    for (const Case& each : cases) {
      if ((each.large && !large) || (each.valuesAlone && memory)) continue;
      testCase(engine, each);
      ++ran;
    }
  }
  testQueuedSteps(cases);
  const int runs = testMemory();
  const int faults = testAllocationFaults();
  std::printf("%d cases, %d runs about memory, %d allocations that failed, %d differences\n", ran,
              runs, faults, failures);
  return failures == 0 && ran > 0 ? 0 : 1;
}

}  // namespace
}  // namespace tfjs_alig

int main(int count, char** arguments) {
  const auto given = [&](const char* option) {
    return count > 1 && std::strcmp(arguments[1], option) == 0;
  };
  return tfjs_alig::runAll(given("--large"), given("--memory"));
}
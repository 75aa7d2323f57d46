#include "engine_memory_test.h"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "cuda/table.h"
#include "engine/sum.h"
#include "engine_run.h"
#include "simt/observe.h"

namespace tfjs_alig {
namespace {

constexpr Layout kLayouts[] = {Layout::kInPlace, Layout::kNewParameters, Layout::kAllNew};

// Whether a layout has the array, by its number, beside those that it is written over.
bool hasArray(Layout layout, int states, int array) {
  if (array < kNewParameter) return true;
  if (array == kNewParameter) return layout != Layout::kInPlace;
  const int state = array - kFirstState;
  return state < kMostStates ? state < states
                             : layout == Layout::kAllNew && state - kMostStates < states;
}

// Every array of a tensor misaligned alone, updated and kept: all arrays count for whether they are
// read and written 16 bytes at a time.
int testAlignment(const std::string& rule) {
  int runs = 0;
  const Engine engine;
  Case each = caseOf(rule, rule + ", one array misaligned", {kLaneCount + 2, kLaneCount + 2});
  each.withoutGradient = {1};
  each.maxNorm = 0.5f;
  for (const float loss : {0.7f, kNaN}) {
    each.loss = loss;
    for (const Layout layout : kLayouts) {
      for (int array = 0; array < kMostArrays; ++array) {
        if (!hasArray(layout, statesOf(each), array)) continue;
        Run run(engine, each, {layout, false, false, array});
        run.step();
        run.compare();
        ++runs;
      }
    }
  }
  return runs;
}

// An array of which only the first and the last chunk have memory behind them: elsewhere it must
// not be read or written.
class SparseArray {
 public:
  SparseArray(std::uint64_t size, const Array& values) : bytes_(size * sizeof(float)) {
    void* const memory = mmap(nullptr, bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    data_ = static_cast<float*>(memory);
    restOffset_ = (size - 1) / kChunkSize * kChunkSize;
    for (const std::uint64_t offset : {std::uint64_t{0}, restOffset_}) {
      const std::size_t opened = std::min<std::uint64_t>(kChunkSize, size - offset);
      mprotect(data_ + offset, opened * sizeof(float), PROT_READ | PROT_WRITE);
    }
    std::copy_n(values.begin(), kChunkSize, data_);
    std::copy(values.begin() + kChunkSize, values.end(), data_ + restOffset_);
  }
  ~SparseArray() { munmap(data_, bytes_); }
  SparseArray(const SparseArray&) = delete;
  SparseArray& operator=(const SparseArray&) = delete;

  float* data() const { return data_; }
  // The two chunks together.
  Array values(std::size_t size) const {
    Array array(data_, data_ + kChunkSize);
    array.insert(array.end(), data_ + restOffset_, data_ + restOffset_ + size - kChunkSize);
    return array;
  }

 private:
  std::size_t bytes_;
  std::uint64_t restOffset_;
  float* data_;
};

using SparsePointer = std::unique_ptr<SparseArray>;

std::uint64_t chunksIn(std::uint64_t size) {
  return size / kChunkSize + (size % kChunkSize == 0 ? 0 : 1);
}

// The blocks of each launch of a step that projects: none is without work, but the one of a launch
// that has no chunk. docs/gpu.md has the table of launches.
std::vector<unsigned> expectedBlocks(std::uint64_t gradientChunks, std::uint64_t chunks) {
  const auto atLeastOne = [](std::uint64_t count) {
    return static_cast<unsigned>(count > 0 ? count : 1);
  };
  std::vector<unsigned> blocks = {atLeastOne(gradientChunks), atLeastOne(chunks)};
  if (chunks > 0) blocks.push_back(static_cast<unsigned>(chunks));
  return blocks;
}

void expectBlocks(const std::vector<unsigned>& expected, const std::string& where) {
  const auto text = [](const std::vector<unsigned>& list) {
    std::string joined;
    for (const unsigned blocks : list) joined += " " + std::to_string(blocks);
    return joined;
  };
  expect(simt::launchedBlocks == expected, where,
         "launches of" + text(simt::launchedBlocks) + " blocks instead of" + text(expected));
}

// Two chunks of a tensor of so many elements, the first and the last, between two small tensors of
// zeros. The blocks of all other chunks do not run and their sums count as 0, so that the step is
// that of a tensor of the two chunks: there are two sums that are not 0, which have one order.
void testHugeTensor(const std::string& rule, std::uint64_t size, Layout layout) {
  const std::size_t rest = (size - 1) % kChunkSize + 1;
  Case each =
      caseOf(rule, rule + ", a tensor of " + std::to_string(size), {3, kChunkSize + rest, 3});
  constexpr std::size_t kHuge = 1;
  each.withoutGradient = {2};
  each.maxNorm = 0.5f;
  Values expected = valuesOf(each);
  const Array zeros(3);
  for (const std::size_t small : {0, 2}) {
    expected.parameters[small] = expected.gradients[small] = zeros;
    for (int k = 0; k < statesOf(each); ++k) expected.state[k][small] = zeros;
  }

  const auto sparse = [&](const Array& values) {
    return std::make_unique<SparseArray>(size, values);
  };
  const bool inPlace = layout == Layout::kInPlace;
  const SparsePointer gradient = sparse(expected.gradients[kHuge]);
  const SparsePointer parameter = sparse(expected.parameters[kHuge]);
  const SparsePointer newParameter = inPlace ? nullptr : sparse(Array(kChunkSize + rest));
  SparsePointer state[kMostStates], newState[kMostStates];

  const Engine engine;
  Caller caller;
  DeviceArrays smallArrays;
  const auto small = [&] {
    smallArrays.push_back(std::make_unique<DeviceArray>(engine, zeros.size(), 0));
    smallArrays.back()->upload(zeros.data());
    return smallArrays.back()->data();
  };
  StepTensor tensors[3] = {};
  for (const std::size_t i : {0, 2}) {
    tensors[i].size = zeros.size();
    tensors[i].gradient = hasGradient(each, i) ? small() : nullptr;
    tensors[i].parameter = tensors[i].newParameter = small();
    for (int k = 0; k < statesOf(each); ++k) tensors[i].state[k] = tensors[i].newState[k] = small();
  }
  StepTensor& huge = tensors[kHuge];
  huge.size = size;
  huge.gradient = gradient->data();
  huge.parameter = parameter->data();
  huge.newParameter = (inPlace ? parameter : newParameter)->data();
  for (int k = 0; k < statesOf(each); ++k) {
    state[k] = sparse(expected.state[k][kHuge]);
    if (layout == Layout::kAllNew) newState[k] = sparse(Array(kChunkSize + rest));
    huge.state[k] = state[k]->data();
    huge.newState[k] = (newState[k] ? newState[k] : state[k])->data();
  }
  StepResult* const result = newResult(engine);

  const std::uint64_t chunks = chunksIn(size);
  simt::freshByte = 0;
  simt::launchedBlocks.clear();
  simt::runsBlock = [&](unsigned block, unsigned blocks) {
    static_cast<void>(blocks);
    return block <= 1 || block >= chunks;
  };
  const Array input = inputOf(each, 0, each.scalars);
  caller.check(tfjs_alig_cuda_step(engine, tensors, 3, nullptr, each.loss, input.data(),
                                   input.size(), result, caller.error()),
               "step");
  caller.check(tfjs_alig_cuda_wait(engine, caller.error()), "wait");
  simt::runsBlock = nullptr;
  simt::freshByte = simt::kFreshByte;
  expectBlocks(expectedBlocks(chunks + 1, chunks + 2), each.title);

  const StepResult onCpu = stepOnCpu(each, input, expected);
  expect(onCpu.report.projected == 1.0f, each.title, "no projection");
  expectSame(&result->report.status, &onCpu.report.status, sizeof(StepReport) / sizeof(float),
             each.title + ", report");
  expectSame(result->scalars.values, onCpu.scalars.values, kMostScalars, each.title + ", scalars");
  const auto compare = [&](const SparseArray& array, const Array& values, const char* what) {
    expectSame(array.values(values.size()).data(), values.data(), values.size(),
               each.title + ", " + what);
  };
  compare(inPlace ? *parameter : *newParameter, expected.parameters[kHuge], "parameters");
  for (int k = 0; k < statesOf(each); ++k) {
    compare(newState[k] ? *newState[k] : *state[k], expected.state[k][kHuge], "state");
  }
}

int testHugeTensors() {
  int runs = 0;
  const auto test = [&](const std::string& rule, std::uint64_t size, Layout layout) {
    testHugeTensor(rule, size, layout);
    ++runs;
  };
  for (const std::string& rule : ruleNames()) {
    test(rule, (std::uint64_t{1} << 33) + 5, kLayouts[runs % 3]);
  }
  // Where 32 bits of bytes, of elements with a sign and of elements end, and whole lists of sums.
  for (const std::string rule : {"alig-nesterov", "momoadam"}) {
    for (const int bits : {28, 30, 31, 32}) {
      const std::uint64_t border = std::uint64_t{1} << bits;
      for (const std::uint64_t size : {border - kChunkSize, border, border + 1}) {
        test(rule, size, kLayouts[runs % 3]);
      }
    }
  }
  return runs;
}

// As many blocks as there are chunks, at sizes around whole chunks.
int testBlocks() {
  int runs = 0;
  const Engine engine;
  const Sizes sizes = {0, 1, kChunkSize - 1, kChunkSize, kChunkSize + 1, 2 * kChunkSize};
  for (const std::size_t size : sizes) {
    for (const std::size_t other : sizes) {
      Case each =
          caseOf("alig-nesterov",
                 std::to_string(size) + " elements, " + std::to_string(other) + " without gradient",
                 {size, other});
      each.withoutGradient = {1};
      each.maxNorm = 0.5f;
      simt::launchedBlocks.clear();
      Run run(engine, each, {Layout::kInPlace, false, false});
      run.step();
      run.compare();
      expectBlocks(expectedBlocks(chunksIn(size), chunksIn(size) + chunksIn(other)), each.title);
      ++runs;
    }
  }
  return runs;
}

// A step of two tensors that projects, enqueued and not run, unless one of its launches is refused.
struct EnqueuedStep {
  Case each = caseOf("alig-nesterov", "an enqueued step", {700, 3});
  Values before;
  Values expected;
  std::string message;  // of a refused launch
  DeviceArrays gradients, parameters, velocities;

  // `owner` allocates the arrays, and `engine` makes the step, of which so many launches succeed.
  EnqueuedStep(const Engine& owner, const Engine& engine, int launches = -1) {
    each.maxNorm = 0.5f;
    before = expected = valuesOf(each);
    const auto upload = [&](const Array& array) {
      auto copy = std::make_unique<DeviceArray>(owner, array.size(), 0);
      copy->upload(array.data());
      return copy;
    };
    std::vector<StepTensor> tensors;
    for (std::size_t i = 0; i < each.sizes.size(); ++i) {
      gradients.push_back(upload(expected.gradients[i]));
      parameters.push_back(upload(expected.parameters[i]));
      velocities.push_back(upload(expected.state[0][i]));
      float* const parameter = parameters[i]->data();
      float* const velocity = velocities[i]->data();
      tensors.push_back(
          {each.sizes[i], gradients[i]->data(), parameter, parameter, {velocity}, {velocity}, 0});
    }
    const Array input = inputOf(each, 0, each.scalars);
    Caller caller;
    StepResult* const result = newResult(engine);
    simt::launchesLeft = launches;
    if (tfjs_alig_cuda_step(engine, tensors.data(), tensors.size(), nullptr, each.loss,
                            input.data(), input.size(), result, caller.error()) != 0) {
      message = caller.message();
    }
    simt::launchesLeft = -1;
    expect(simt::anythingWaits(), each.title, "the step was not enqueued");
    if (launches == 2) each.maxNorm = kInfinity;
    stepOnCpu(each, inputOf(each, 0, each.scalars), expected);
  }

  void compare(const Values& values) const {
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const std::string tensor = each.title + ", tensor " + std::to_string(i);
      const auto same = [&](DeviceArray& array, const Array& wanted, const char* what) {
        expectSame(array.download().data(), wanted.data(), wanted.size(), tensor + what);
      };
      same(*parameters[i], values.parameters[i], ", parameters");
      same(*velocities[i], values.state[0][i], ", velocities");
    }
  }
};

// What a step uses must stay until it is done; the address sanitizer sees it where it does not.
int testFrees() {
  const Engine owner;
  {
    EnqueuedStep step(owner, owner);
    step.gradients.pop_back();
    expect(!simt::anythingWaits(), step.each.title, "free did not wait for the step");
  }
  {
    EnqueuedStep step(owner, owner);
    step.gradients.back()->freeLater();
    step.gradients.pop_back();
    expect(simt::anythingWaits(), step.each.title, "free_later waited for the step");
    step.compare(step.expected);
  }
  {
    auto engine = std::make_unique<Engine>();
    EnqueuedStep step(owner, *engine);
    engine.reset();
    expect(!simt::anythingWaits(), step.each.title, "close did not wait for the step");
    step.compare(step.expected);
  }
  return 3;
}

// What is copied to the GPU is what changed since the step before.
int testUploads() {
  const Engine engine;
  Case each = caseOf("alig-nesterov", "uploads", {3, 700});
  Run run(engine, each, {Layout::kInPlace, false, false});
  const std::size_t table = 2 * sizeof(TableEntry);
  const auto expectCopies = [&](const char* what, const std::vector<std::size_t>& expected) {
    expect(simt::copiedBytes == expected, each.title, what);
    simt::copiedBytes.clear();
  };
  simt::copiedBytes.clear();
  run.step();
  expect(simt::copiedBytes.size() == 1, each.title, "the first step did not upload once");
  const std::size_t all = simt::copiedBytes.at(0);
  simt::copiedBytes.clear();
  run.step();
  expectCopies("a step like the one before uploaded something", {});
  each.groups[0].settings[0] *= 0.5f;
  run.step();
  expectCopies("other settings did not upload the settings alone", {all - table});
  each.withoutGradient = {1};
  run.step();
  expectCopies("another list of tensors did not upload the list alone", {table});
  run.compare();
  return 1;
}

// A projection that cannot be launched: the error says what the step has done before.
int testLaunchFaults() {
  int runs = 0;
  for (int launches = 0; launches < 3; ++launches) {
    const Engine engine;
    EnqueuedStep step(engine, engine, launches);
    const bool updates = launches == 2;
    const bool says = step.message.find("those after the step") != std::string::npos;
    expect(!step.message.empty() && says == updates, step.each.title,
           "'" + step.message + "' where launch " + std::to_string(launches) + " failed");
    step.compare(updates ? step.expected : step.before);
    ++runs;
  }
  return runs;
}

}  // namespace

int testMemory() {
  int runs = testFrees() + testUploads() + testLaunchFaults() + testBlocks() + testHugeTensors();
  for (const std::string& rule : ruleNames()) runs += testAlignment(rule);
  return runs;
}

}  // namespace tfjs_alig

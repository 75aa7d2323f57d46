#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>

#include "cpu/floating_point.h"
#include "cuda/engine.h"
#include "cuda/kernels.h"
#include "cuda/whole_device.h"

namespace tfjs_alig {
namespace {

// The largest grid; 3.5e13 elements in whole chunks.
constexpr std::uint64_t kMostBlocks = 0x7fffffff;

template <class... Parameters, class... Arguments>
void launch(const char* stage, unsigned blocks, const Stream& stream, void (*kernel)(Parameters...),
            Arguments... arguments) {
  cudaLaunchConfig_t configuration = {};
  // One where there is no chunk.
  configuration.gridDim = dim3(blocks > 0 ? blocks : 1);
  configuration.blockDim = dim3(kBlock);
  configuration.stream = stream.get();
  checkCuda(cudaLaunchKernelEx(&configuration, kernel, static_cast<Parameters>(arguments)...),
            stage);
}

[[noreturn]] void refuseTensor(std::size_t index, const std::string& reason) {
  throw std::invalid_argument("tensor " + std::to_string(index) + " " + reason);
}

void checkTensor(const StepTensor& tensor, std::size_t index, const StepInput& input) {
  if (!tensor.parameter) refuseTensor(index, "has no parameter");
  if (!tensor.newParameter && (tensor.gradient || std::isfinite(input.header.ball.radius))) {
    refuseTensor(index, "has no place for its new parameter");
  }
  for (int k = 0; k < input.rule->states; ++k) {
    if ((tensor.state[k] == nullptr) != (tensor.newState[k] == nullptr)) {
      refuseTensor(index, "has an old or a new state without the other");
    }
    if (tensor.gradient && !tensor.state[k]) {
      refuseTensor(index, std::string("has a gradient but not all the state that rule '") +
                              input.rule->name + "' needs");
    }
  }
}

TableEntry entryOf(const StepTensor& tensor) {
  TableEntry entry = {};
  entry.size = tensor.size;
  entry.gradient = tensor.gradient;
  entry.parameter = tensor.parameter;
  entry.newParameter =
      tensor.newParameter ? tensor.newParameter : const_cast<float*>(tensor.parameter);
  for (int k = 0; k < kMostStates; ++k) {
    entry.state[k] = tensor.state[k];
    entry.newState[k] = tensor.newState[k];
  }
  entry.group = tensor.group;
  return entry;
}

// Where the parts of an upload lie, in bytes: doubles first and the table last, whose length is
// known last.
struct UploadLayout {
  std::size_t factors = 0;
  std::size_t measuring;
  std::size_t settings;
  std::size_t groups;
  std::size_t table;

  UploadLayout(const RuleFunctions& rule, std::size_t groupCount) {
    const std::size_t measured = rule.sums > 1 ? groupCount : 0;
    measuring = measured * static_cast<std::size_t>(rule.sums) * sizeof(double);
    settings = measuring + measured * rule.measuringBytes;
    groups = settings + rule.settingsWords * sizeof(float);
    const std::size_t end = groups + groupCount * rule.groupWords * sizeof(float);
    table = (end + alignof(TableEntry) - 1) / alignof(TableEntry) * alignof(TableEntry);
  }
};

// Fills all but the table.
void fillGroups(const StepInput& input, const UploadLayout& layout, unsigned char* memory) {
  const RuleFunctions& rule = *input.rule;
  const auto groupCount = static_cast<std::size_t>(input.groupCount());
  if (rule.sums > 1) {
    const IeeeArithmetic ieee;
    const ErasedStep step = {input.settings, input.groups, input.groupCount(), 0.0f,
                             input.header.stepNumber};
    auto* const factors = reinterpret_cast<double*>(memory + layout.factors);
    for (std::size_t group = 0; group < groupCount; ++group) {
      rule.prepare(step, static_cast<int>(group),
                   memory + layout.measuring + group * rule.measuringBytes,
                   factors + group * static_cast<std::size_t>(rule.sums));
    }
  }
  std::memcpy(memory + layout.settings, input.settings, rule.settingsWords * sizeof(float));
  // Step numbers count from that of the step, so that they do not change with each one.
  for (std::size_t group = 0; group < groupCount; ++group) {
    const std::size_t bytes = rule.groupWords * sizeof(float);
    unsigned char* const to = memory + layout.groups + group * bytes;
    std::memcpy(to, static_cast<const unsigned char*>(input.groups) + group * bytes, bytes);
    std::int32_t stepNumber = 0;
    unsigned char* const number = to + bytes - sizeof stepNumber;
    std::memcpy(&stepNumber, number, sizeof stepNumber);
    stepNumber -= input.header.stepNumber;
    std::memcpy(number, &stepNumber, sizeof stepNumber);
  }
}

}  // namespace

CudaEngine::CudaEngine() {
  // Fails here, and not in the first step, where the library has no code for this GPU.
  cudaFuncAttributes attributes;
  checkCuda(cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(&projectParameters)),
            "loading the kernels");
  state_.reserve(1, stream_);
  setZero(state_.data(), sizeof(StepState));
}

CudaEngine::~CudaEngine() {
  // Memory must not go while a step uses it. A failure was reported by what caused it.
  cudaStreamSynchronize(stream_.get());
  for (void* const memory : toBeFreed_) cudaFree(memory);
}

void CudaEngine::wait() {
  waitFor(stream_);
  while (!toBeFreed_.empty()) {
    void* const memory = toBeFreed_.back();
    toBeFreed_.pop_back();
    --allocations_;
    checkCuda(cudaFree(memory), "freeing memory of the GPU");
  }
}

void* CudaEngine::allocate(std::size_t bytes) {
  if (!toBeFreed_.empty()) wait();
  // To give memory back must not allocate: a finalizer could not say that it failed.
  toBeFreed_.reserve(allocations_ + 1);
  void* memory = nullptr;
  checkCuda(cudaMalloc(&memory, bytes), "allocating memory of the GPU");
  ++allocations_;
  return memory;
}

void CudaEngine::free(void* memory) {
  freeLater(memory);
  wait();
}

void* CudaEngine::allocateHost(std::size_t bytes) {
  hostMemory_.emplace_back();
  hostMemory_.back().reserve(bytes, stream_);
  return hostMemory_.back().data();
}

void CudaEngine::followDevice() const { tfjs_alig::followDevice(stream_, ofDevice_); }

void CudaEngine::upload(void* to, const void* from, std::size_t bytes) {
  checkCuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream_.get()),
            "copying to the GPU");
  wait();
}

void CudaEngine::download(void* to, const void* from, std::size_t bytes) {
  checkCuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_.get()),
            "copying from the GPU");
  wait();
}

void CudaEngine::copy(void* to, const void* from, std::size_t bytes) {
  checkCuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream_.get()), "copying");
}

void CudaEngine::setZero(void* memory, std::size_t bytes) {
  checkCuda(cudaMemsetAsync(memory, 0, bytes, stream_.get()), "filling memory with zeros");
}

void CudaEngine::divide(float* values, std::size_t count, float divisor) {
  if (count == 0) return;
  const std::uint64_t chunks = chunksOf(count);
  if (chunks > kMostBlocks) throw std::invalid_argument("too many elements for one division");
  launch("dividing", static_cast<unsigned>(chunks), stream_, divideElements, values, count,
         divisor);
}

CudaEngine::Upload CudaEngine::upload(const CudaStepArguments& arguments) {
  const StepInput& input = arguments.input;
  const RuleFunctions& rule = *input.rule;
  const auto groupCount = static_cast<std::size_t>(input.groupCount());
  const UploadLayout layout(rule, groupCount);
  numberedGroups_.reserve(groupCount * rule.groupWords, stream_);
  coefficients_.reserve(groupCount * rule.coefficientsBytes / sizeof(float), stream_);
  wanted_.resize(layout.table + arguments.count * sizeof(TableEntry));

  std::uint64_t chunks = 0;
  std::uint64_t gradientChunks = 0;
  Upload upload = {};
  for (std::size_t index = 0; index < arguments.count; ++index) {
    const StepTensor& tensor = arguments.tensors[index];
    if (tensor.group >= groupCount) {
      refuseTensor(index, ("is of group " + std::to_string(tensor.group) + ", but there are " +
                           std::to_string(groupCount))
                              .c_str());
    }
    if (tensor.gradient) upload.stepWanted = true;
    if (tensor.size == 0) continue;
    checkTensor(tensor, index, input);
    const std::uint64_t ofTensor = chunksOf(tensor.size);
    if (ofTensor > kMostBlocks - chunks) {
      throw std::invalid_argument("too many parameters for one step");
    }
    TableEntry entry = entryOf(tensor);
    entry.firstChunk = static_cast<std::uint32_t>(chunks);
    entry.firstGradientChunk = static_cast<std::uint32_t>(gradientChunks);
    std::memcpy(wanted_.data() + layout.table + upload.table.count * sizeof entry, &entry,
                sizeof entry);
    ++upload.table.count;
    chunks += ofTensor;
    if (tensor.gradient) gradientChunks += ofTensor;
  }
  upload.chunks = static_cast<unsigned>(chunks);
  upload.gradientChunks = static_cast<unsigned>(gradientChunks);
  fillGroups(input, layout, wanted_.data());
  uploadChanges(layout.table + upload.table.count * sizeof(TableEntry), layout.table);

  const unsigned char* const onGpu = uploads_.data();
  upload.table.entries = reinterpret_cast<const TableEntry*>(onGpu + layout.table);
  upload.groups.settings = onGpu + layout.settings;
  upload.groups.groups = onGpu + layout.groups;
  upload.groups.measuring = onGpu + layout.measuring;
  upload.groups.factors = reinterpret_cast<const double*>(onGpu + layout.factors);
  upload.groups.numbered = numberedGroups_.data();
  upload.groups.coefficients = coefficients_.data();
  upload.groups.count = input.groupCount();
  return upload;
}

// Copies to the GPU what differs from the last upload: nothing where a trainer keeps its arrays and
// settings, all of it where TensorFlow has put the tensors of each step elsewhere.
void CudaEngine::uploadChanges(std::size_t bytes, std::size_t tableOffset) {
  const bool pinnedLost = pinned_.reserve(bytes, stream_);
  const bool uploadsLost = uploads_.reserve(bytes, stream_);
  const std::size_t before = pinnedLost || uploadsLost ? 0 : pinnedBytes_;
  const auto differs = [&](std::size_t from, std::size_t to) {
    return to > before || std::memcmp(wanted_.data() + from, pinned_.data() + from, to - from) != 0;
  };
  const std::size_t from = differs(0, tableOffset) ? 0 : tableOffset;
  const std::size_t to = differs(tableOffset, bytes) ? bytes : tableOffset;
  if (from == to) return;
  checkCuda(cudaEventSynchronize(uploaded_.get()), "waiting for the last upload");
  // Nothing is known to be there if this fails.
  pinnedBytes_ = 0;
  std::memcpy(pinned_.data() + from, wanted_.data() + from, to - from);
  checkCuda(cudaMemcpyAsync(uploads_.data() + from, pinned_.data() + from, to - from,
                            cudaMemcpyHostToDevice, stream_.get()),
            "copying the list of tensors to the GPU");
  checkCuda(cudaEventRecord(uploaded_.get(), stream_.get()), "recording the upload");
  pinnedBytes_ = to > before ? to : before;
}

void CudaEngine::step(const CudaStepArguments& arguments) {
  const StepInput& input = arguments.input;
  const RuleKernels& kernels = ruleKernels()[input.header.rule];
  const Upload upload = this->upload(arguments);
  sums_.reserve(static_cast<std::size_t>(input.rule->sums) * upload.chunks, stream_);
  // Of the parts, of their parts and so on, each of which is 16,384 times shorter.
  sumsOfParts_.reserve(2 * chunksOf(upload.chunks), stream_);
  const auto sumsOf = [&](unsigned chunks) {
    return ChunkSums{sums_.data(), chunks, sumsOfParts_.data()};
  };

  const float maxGradientValue = input.header.maxGradientValue;
  const DecideArguments decide = {upload.stepWanted,    arguments.loss,
                                  arguments.lossValue,  input.header.stepNumber,
                                  input.header.scalars, upload.groups};
  launch("measuring the gradients", upload.gradientChunks, stream_, kernels.measure, upload.table,
         maxGradientValue, decide, sumsOf(upload.gradientChunks), state_.data());
  launch("updating the parameters", upload.chunks, stream_, kernels.update, upload.table,
         maxGradientValue, upload.groups.coefficients, input.header.ball, sumsOf(upload.chunks),
         state_.data(), arguments.result);
  // Without a radius nothing is ever projected, which the host knows without asking the GPU.
  if (upload.chunks == 0 || !std::isfinite(input.header.ball.radius)) return;
  try {
    launch("projecting the parameters", upload.chunks, stream_, projectParameters, upload.table,
           state_.data());
  } catch (const std::exception& error) {
    throw std::runtime_error(
        std::string(error.what()) +
        ": the parameters and the state are those after the step, but outside of the constraint "
        "where it wanted a projection");
  }
}

}  // namespace tfjs_alig

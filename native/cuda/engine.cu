#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include "cpu/floating_point.h"
#include "cuda/engine.h"
#include "cuda/kernels.h"

namespace tfjs_alig {
namespace {

// The largest grid; 3.5e13 elements in whole chunks.
constexpr std::uint64_t kMostBlocks = 0x7fffffff;

template <class... Parameters, class... Arguments>
void launch(const char* stage, dim3 blocks, const Stream& stream, void (*kernel)(Parameters...),
            Arguments... arguments) {
  cudaLaunchConfig_t configuration = {};
  configuration.gridDim = blocks;
  configuration.blockDim = dim3(kBlock);
  configuration.stream = stream.get();
  checkCuda(cudaLaunchKernelEx(&configuration, kernel, static_cast<Parameters>(arguments)...),
            stage);
}

dim3 gridOf(std::uint64_t blocks, int lists = 1) {
  return dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(lists));
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
  std::memcpy(memory + layout.groups, input.groups, groupCount * rule.groupWords * sizeof(float));
}

}  // namespace

CudaEngine::CudaEngine() {
  // Fails here, and not in the first step, where the library has no code for this GPU.
  cudaFuncAttributes attributes;
  checkCuda(cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(&measureGradients)),
            "loading the kernels");
  state_.reserve(1, stream_);
}

CudaEngine::~CudaEngine() {
  // Memory must not go while a step uses it. A failure was reported by what caused it.
  cudaStreamSynchronize(stream_.get());
}

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
  checkCuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_.get()),
            "copying on the GPU");
}

CudaEngine::Upload CudaEngine::upload(const CudaStepArguments& arguments) {
  const StepInput& input = arguments.input;
  const RuleFunctions& rule = *input.rule;
  const auto groupCount = static_cast<std::size_t>(input.groupCount());
  const UploadLayout layout(rule, groupCount);
  const std::size_t most = layout.table + arguments.count * sizeof(TableEntry);
  pinned_.reserve(most, stream_);
  uploads_.reserve(most, stream_);
  coefficients_.reserve(groupCount * rule.coefficientsBytes / sizeof(float), stream_);
  checkCuda(cudaEventSynchronize(uploaded_.get()), "waiting for the last upload");

  Upload upload = {};
  auto* const table = reinterpret_cast<TableEntry*>(pinned_.data() + layout.table);
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
    const std::uint64_t chunks = chunksOf(tensor.size);
    if (chunks > kMostBlocks - upload.chunks) {
      throw std::invalid_argument("too many parameters for one step");
    }
    TableEntry& entry = table[upload.entries++];
    entry = entryOf(tensor);
    entry.firstChunk = static_cast<std::uint32_t>(upload.chunks);
    entry.firstGradientChunk = static_cast<std::uint32_t>(upload.gradientChunks);
    upload.chunks += chunks;
    if (tensor.gradient) upload.gradientChunks += chunks;
  }
  fillGroups(input, layout, pinned_.data());
  checkCuda(cudaMemcpyAsync(uploads_.data(), pinned_.data(),
                            layout.table + upload.entries * sizeof(TableEntry),
                            cudaMemcpyHostToDevice, stream_.get()),
            "copying the list of tensors to the GPU");
  checkCuda(cudaEventRecord(uploaded_.get(), stream_.get()), "recording the upload");

  const unsigned char* const onGpu = uploads_.data();
  upload.table = reinterpret_cast<const TableEntry*>(onGpu + layout.table);
  upload.groups = {
      onGpu + layout.settings,  onGpu + layout.groups,
      onGpu + layout.measuring, reinterpret_cast<const double*>(onGpu + layout.factors),
      coefficients_.data(),     input.groupCount()};
  return upload;
}

// Passes over lists of chunk sums until one block can add the rest of each.
CudaEngine::Sums CudaEngine::shorten(std::uint64_t count, int lists) {
  const double* from = sums_.data();
  double* to = shorterSums_.data();
  double* next = sums_.data();
  while (count > kChunkSize) {
    const std::uint64_t shorter = chunksOf(count);
    launch("adding the sums of chunks", gridOf(shorter, lists), stream_, shortenSums, from, count,
           to);
    from = to;
    std::swap(to, next);
    count = shorter;
  }
  return {from, static_cast<unsigned>(count)};
}

void CudaEngine::step(const CudaStepArguments& arguments) {
  const StepInput& input = arguments.input;
  const RuleKernels& kernels = ruleKernels()[input.header.rule];
  const Upload upload = this->upload(arguments);
  const auto lists = static_cast<std::size_t>(input.rule->sums);
  sums_.reserve(lists * upload.chunks, stream_);
  shorterSums_.reserve(lists * chunksOf(upload.chunks), stream_);

  const float maxGradientValue = input.header.maxGradientValue;
  if (upload.gradientChunks > 0) {
    const dim3 blocks = gridOf(upload.gradientChunks);
    if (kernels.measure) {
      launch("measuring the gradients", blocks, stream_, kernels.measure, upload.table,
             upload.entries, upload.groups, maxGradientValue, sums_.data());
    } else {
      launch("measuring the gradients", blocks, stream_, measureGradients, upload.table,
             upload.entries, maxGradientValue, sums_.data());
    }
  }
  const Sums measured = shorten(upload.gradientChunks, input.rule->sums);
  const DecideArguments decideArguments = {
      measured.values,     measured.count,          upload.stepWanted,    arguments.loss,
      arguments.lossValue, input.header.stepNumber, input.header.scalars, upload.groups};
  launch("deciding the step size", gridOf(1), stream_, kernels.decide, decideArguments,
         state_.data(), arguments.result);
  if (upload.chunks > 0) {
    launch("updating the parameters", gridOf(upload.chunks), stream_, kernels.update, upload.table,
           upload.entries, upload.groups.coefficients, maxGradientValue, state_.data(),
           sums_.data());
  }
  const Sums squaredParameters = shorten(upload.chunks, 1);
  launch("deciding the projection", gridOf(1), stream_, completeReport, squaredParameters.values,
         squaredParameters.count, input.header.ball, state_.data(), arguments.result);
  // Without a radius nothing is ever projected, which the host knows without asking the GPU.
  if (upload.chunks > 0 && std::isfinite(input.header.ball.radius)) {
    launch("projecting the parameters", gridOf(upload.chunks), stream_, projectParameters,
           upload.table, upload.entries, state_.data());
  }
}

}  // namespace tfjs_alig

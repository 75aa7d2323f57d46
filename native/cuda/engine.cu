#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

#include "cuda/engine.h"
#include "cuda/kernels.h"

// The checks of native/test compile with 64; NOTE [lanes and threads].
#if !defined(TFJS_ALIG_CUDA_BLOCK)
#define TFJS_ALIG_CUDA_BLOCK 256
#endif

namespace tfjs_alig {
namespace {

constexpr int kBlock = TFJS_ALIG_CUDA_BLOCK;

// The largest grid; 3.5e13 elements in whole chunks.
constexpr std::uint64_t kMostBlocks = 0x7fffffff;

template <class... Parameters, class... Arguments>
void launch(const char* stage, std::uint64_t blocks, const Stream& stream,
            void (*kernel)(Parameters...), Arguments... arguments) {
  cudaLaunchConfig_t configuration = {};
  configuration.gridDim = dim3(static_cast<unsigned>(blocks));
  configuration.blockDim = dim3(kBlock);
  configuration.stream = stream.get();
  checkCuda(cudaLaunchKernelEx(&configuration, kernel, static_cast<Parameters>(arguments)...),
            stage);
}

[[noreturn]] void refuseTensor(std::size_t index, const char* reason) {
  throw std::invalid_argument("tensor " + std::to_string(index) + " " + reason);
}

void checkTensor(const StepTensor& tensor, std::size_t index, const CudaStepArguments& arguments) {
  if (!tensor.parameter) refuseTensor(index, "has no parameter");
  if (!tensor.newParameter && (tensor.gradient || std::isfinite(arguments.ball.radius))) {
    refuseTensor(index, "has no place for its new parameter");
  }
  if (tensor.velocity ? !tensor.newVelocity : tensor.newVelocity != nullptr) {
    refuseTensor(index, "has an old or a new velocity without the other");
  }
  if (tensor.gradient && !tensor.velocity && AliG::form(arguments.settings) != AliG::Form::kPlain) {
    refuseTensor(index, "has a gradient but no velocity, and momentum is not 0");
  }
}

TableEntry entryOf(const StepTensor& tensor) {
  TableEntry entry = {};
  entry.size = tensor.size;
  entry.gradient = tensor.gradient;
  entry.parameter = tensor.parameter;
  entry.newParameter =
      tensor.newParameter ? tensor.newParameter : const_cast<float*>(tensor.parameter);
  entry.velocity = tensor.velocity;
  entry.newVelocity = tensor.newVelocity;
  return entry;
}

}  // namespace

CudaEngine::CudaEngine() {
  // Fails here, and not in the first step, where the library has no code for this GPU.
  cudaFuncAttributes attributes;
  checkCuda(
      cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(&measureGradients<kBlock>)),
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

CudaEngine::Table CudaEngine::uploadTable(const CudaStepArguments& arguments) {
  Table table;
  pinnedTable_.reserve(arguments.count, stream_);
  table_.reserve(arguments.count, stream_);
  checkCuda(cudaEventSynchronize(uploaded_.get()), "waiting for the last upload");
  for (std::size_t index = 0; index < arguments.count; ++index) {
    const StepTensor& tensor = arguments.tensors[index];
    if (tensor.gradient) table.stepWanted = true;
    if (tensor.size == 0) continue;
    checkTensor(tensor, index, arguments);
    TableEntry& entry = pinnedTable_.data()[table.entries++];
    entry = entryOf(tensor);
    entry.firstChunk = table.chunks;
    entry.firstGradientChunk = table.gradientChunks;
    const std::uint64_t chunks = chunksOf(tensor.size);
    table.chunks += chunks;
    if (tensor.gradient) table.gradientChunks += chunks;
  }
  if (table.chunks > kMostBlocks) throw std::invalid_argument("too many parameters for one step");
  if (table.entries > 0) {
    checkCuda(
        cudaMemcpyAsync(table_.data(), pinnedTable_.data(), table.entries * sizeof(TableEntry),
                        cudaMemcpyHostToDevice, stream_.get()),
        "copying the list of tensors to the GPU");
    checkCuda(cudaEventRecord(uploaded_.get(), stream_.get()), "recording the upload");
  }
  return table;
}

// Passes over the chunk sums until one block can add the rest.
CudaEngine::Sums CudaEngine::shorten(std::uint64_t count) {
  const double* from = sums_.data();
  double* to = shorterSums_.data();
  double* next = sums_.data();
  while (count > kChunkSize) {
    const std::uint64_t shorter = chunksOf(count);
    launch("adding the sums of chunks", shorter, stream_, shortenSums<kBlock>, from, count, to);
    from = to;
    std::swap(to, next);
    count = shorter;
  }
  return {from, static_cast<unsigned>(count)};
}

void CudaEngine::update(AliG::Form form, const Table& table) {
  const auto run = [&](auto kernel) {
    launch("updating the parameters", table.chunks, stream_, kernel, table_.data(), table.entries,
           state_.data(), sums_.data());
  };
  switch (form) {
    case AliG::Form::kPlain:
      return run(updateParameters<kBlock, AliG::Form::kPlain>);
    case AliG::Form::kNesterov:
      return run(updateParameters<kBlock, AliG::Form::kNesterov>);
    case AliG::Form::kAdjustedNesterov:
      return run(updateParameters<kBlock, AliG::Form::kAdjustedNesterov>);
  }
}

void CudaEngine::step(const CudaStepArguments& arguments) {
  const Table table = uploadTable(arguments);
  sums_.reserve(table.chunks, stream_);
  shorterSums_.reserve(chunksOf(table.chunks), stream_);
  auto* const report = reinterpret_cast<StepReport*>(arguments.report);

  if (table.gradientChunks > 0) {
    launch("measuring the gradients", table.gradientChunks, stream_, measureGradients<kBlock>,
           table_.data(), table.entries, sums_.data());
  }
  const Sums squaredGradients = shorten(table.gradientChunks);
  const DecideArguments decideArguments = {squaredGradients.values, squaredGradients.count,
                                           table.stepWanted,        arguments.loss,
                                           arguments.lossValue,     arguments.settings};
  launch("deciding the step size", 1, stream_, decide<kBlock>, decideArguments, state_.data(),
         report);
  if (table.chunks > 0) update(AliG::form(arguments.settings), table);
  const Sums squaredParameters = shorten(table.chunks);
  launch("deciding the projection", 1, stream_, decideProjection<kBlock>, squaredParameters.values,
         squaredParameters.count, arguments.ball, state_.data(), report);
  // Without a radius nothing is ever projected, which the host knows without asking the GPU.
  if (table.chunks > 0 && std::isfinite(arguments.ball.radius)) {
    launch("projecting the parameters", table.chunks, stream_, projectParameters<kBlock>,
           table_.data(), table.entries, state_.data());
  }
}

}  // namespace tfjs_alig

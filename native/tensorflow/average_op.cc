#include "tensorflow/average_op.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cpu/floating_point.h"
#include "cuda/session.h"
#include "mpi/gpu_average.h"
#include "tensorflow/op.h"

namespace tfjs_alig {
namespace {

const std::string& opName() {
  static const std::string name = nameOfThisCopy("Average");
  return name;
}

// The same through the CUDA engine on TensorFlow's CPU device, for tests without a GPU.
const std::string& cudaOnCpuOpName() {
  static const std::string name = opName() + "CudaOnCpu";
  return name;
}

const OpDefinition& definition() {
  static const OpDefinition definition = {
      {"count: int >= 0"},
      {"gradients: count * float", "exchange: int32"},  // ExchangeTerms
      {"averages: count * float"},
      {"exchange"},
  };
  return definition;
}

// What a run of the op's kernel was given and makes.
struct Averaging {
  std::vector<TensorPointer> tensors;
  std::vector<TfjsAligMpiArray> arrays;
  ExchangeTerms terms;
};

// Only what comes before the exchange can fail on one rank alone. `make(i, gradient)` makes the
// tensor of an average.
template <class Make>
Averaging prepare(std::size_t count, TF_OpKernelContext* context, Outputs& outputs, Make make) {
  const TensorPointer exchangeWords = inputOf(context, count);
  Averaging averaging;
  averaging.terms = readExchangeTerms(words(exchangeWords.get()), wordCount(exchangeWords.get()));
  averaging.tensors.reserve(2 * count);
  averaging.arrays.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const TF_Tensor* const gradient = averaging.tensors.emplace_back(inputOf(context, i)).get();
    const std::size_t size = tensorFlow().TF_TensorByteSize(gradient) / sizeof(float);
    if (size == 0) {
      outputs.set(i, gradient);
      continue;
    }
    const TF_Tensor* const average = averaging.tensors.emplace_back(make(i, gradient)).get();
    averaging.arrays.push_back({floats(gradient), floats(average), size});
  }
  return averaging;
}

// MPI reads the gradients where TensorFlow has them and writes the averages into buffers of the
// pool, which the step reads: NOTE [buffer ownership].
void runOnCpu(std::size_t count, TF_OpKernelContext* context) {
  Outputs outputs(context);
  const Averaging averaging =
      prepare(count, context, outputs, [&](std::size_t i, const TF_Tensor* gradient) {
        TensorPointer average = pooledLike(gradient);
        outputs.set(i, average.get());
        return average;
      });
  averageOverRanks(averaging.arrays.data(), averaging.arrays.size(), averaging.terms);
}

// NOTE [gradients of a GPU], and NOTE [order with TensorFlow]: the outputs are allocated first.
void runOnGpu(std::size_t count, TF_OpKernelContext* context) {
  // For the simulated GPU, whose kernels run on this thread: NOTE [denormals].
  const IeeeArithmetic ieee;
  Outputs outputs(context);
  const Averaging averaging = prepare(
      count, context, outputs,
      [&](std::size_t i, const TF_Tensor* gradient) { return outputs.allocateLike(i, gradient); });
  const std::vector<TfjsAligMpiArray>& arrays = averaging.arrays;
  CudaSession& session = arrays.empty()
                             ? CudaSession::instance()
                             : CudaSession::holding(static_cast<const float*>(arrays[0].own));
  session.followDevice();
  averageOnGpu(session, arrays, averaging.terms);
}

void* createKernel(TF_OpKernelConstruction* construction) {
  return createReporting(construction, [&] {
    return std::make_unique<std::int32_t>(attributeOf(construction, "count")).release();
  });
}

template <void (*kRun)(std::size_t, TF_OpKernelContext*)>
void computeKernel(void* kernel, TF_OpKernelContext* context) {
  computeReporting(context, [&] {
    kRun(static_cast<std::size_t>(*static_cast<const std::int32_t*>(kernel)), context);
  });
}

void deleteKernel(void* kernel) { delete static_cast<std::int32_t*>(kernel); }

void registerAverage(const std::string& name, const std::string& deviceType,
                     void (*compute)(void*, TF_OpKernelContext*)) {
  registerOnce(name, definition(), deviceType, {createKernel, compute, deleteKernel});
}

}  // namespace

std::string registerAverageOp() {
  registerAverage(opName(), "CPU", computeKernel<runOnCpu>);
  return opName();
}

std::string registerCudaAverageOp(const std::string& deviceType) {
  CudaSession::instance();
  if (deviceType == "CPU") {
    registerAverage(cudaOnCpuOpName(), deviceType, computeKernel<runOnGpu>);
    return cudaOnCpuOpName();
  }
  registerAverageOp();
  registerAverage(opName(), deviceType, computeKernel<runOnGpu>);
  return opName();
}

}  // namespace tfjs_alig

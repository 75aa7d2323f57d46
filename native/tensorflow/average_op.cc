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
Averaging prepare(std::int32_t gradientCount, TF_OpKernelContext* context, Outputs& outputs,
                  Make make) {
  const auto count = static_cast<std::size_t>(gradientCount);
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
void runOnCpu(const std::int32_t& count, TF_OpKernelContext* context) {
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
void runOnGpu(const std::int32_t& count, TF_OpKernelContext* context) {
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

const OpOnDevices& op() {
  static const OpOnDevices op = {nameOfThisCopy("Average"), definition(),
                                 kernelOf<std::int32_t, runOnCpu>(createKernel),
                                 kernelOf<std::int32_t, runOnGpu>(createKernel)};
  return op;
}

}  // namespace

std::string registerAverageOp() { return registerOnCpu(op()); }

std::string registerCudaAverageOp(const std::string& deviceType) {
  return registerOnGpu(op(), deviceType);
}

}  // namespace tfjs_alig

#include "tensorflow/average_op.h"

#include <cstdint>
#include <memory>
#include <vector>

#include "mpi/loaded_library.h"
#include "mpi/rank_shards.h"
#include "tensorflow/op.h"

namespace tfjs_alig {
namespace {

const OpDefinition& definition() {
  static const OpDefinition definition = {
      {"count: int >= 0"},
      {"gradients: count * float", "exchange: int32"},  // ExchangeTerms
      {"averages: count * float"},
      {},
  };
  return definition;
}

// MPI reads the gradients where TensorFlow has them and writes the averages into buffers of the
// pool, which the step reads: NOTE [buffer ownership]. Only what comes before the exchange can fail
// on one rank alone.
void run(std::size_t count, TF_OpKernelContext* context) {
  const TensorPointer exchangeWords = inputOf(context, count);
  const ExchangeTerms terms =
      readExchangeTerms(words(exchangeWords.get()), wordCount(exchangeWords.get()));
  std::vector<TensorPointer> tensors;
  std::vector<TfjsAligMpiArray> arrays;
  tensors.reserve(2 * count);
  arrays.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const TF_Tensor* const gradient = tensors.emplace_back(inputOf(context, i)).get();
    const std::size_t size = tensorFlow().TF_TensorByteSize(gradient) / sizeof(float);
    if (size == 0) {
      setOutput(context, i, gradient);
      continue;
    }
    const TF_Tensor* const average = tensors.emplace_back(pooledLike(gradient)).get();
    setOutput(context, i, average);
    arrays.push_back({floats(gradient), floats(average), size});
  }
  const MpiLibrary& mpi = mpiLibrary();
  callMpi(terms.fast ? mpi.tfjs_alig_mpi_sum_floats_fast : mpi.tfjs_alig_mpi_sum_floats,
          static_cast<const TfjsAligMpiArray*>(arrays.data()), arrays.size(),
          static_cast<double>(terms.ranks), terms.seconds);
}

void* createKernel(TF_OpKernelConstruction* construction) {
  return createReporting(construction, [&] {
    return std::make_unique<std::int32_t>(attributeOf(construction, "count")).release();
  });
}

void computeKernel(void* kernel, TF_OpKernelContext* context) {
  computeReporting(context, [&] {
    run(static_cast<std::size_t>(*static_cast<const std::int32_t*>(kernel)), context);
  });
}

void deleteKernel(void* kernel) { delete static_cast<std::int32_t*>(kernel); }

}  // namespace

std::string registerAverageOp() {
  static const std::string name = nameOfThisCopy("Average");
  registerOnce(name, definition(), "CPU", {createKernel, computeKernel, deleteKernel});
  return name;
}

}  // namespace tfjs_alig

// A step whose state the ranks share: each makes it on its own shards of all tensors, NOTE
// [shards].
#ifndef TFJS_ALIG_MPI_RANK_SHARDS_H_
#define TFJS_ALIG_MPI_RANK_SHARDS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "cpu/buffer_pool.h"
#include "cpu/engine.h"
#include "engine/shards.h"
#include "engine/tensors.h"
#include "mpi/exchange_terms.h"

namespace tfjs_alig {

// NOTE [a step on shards]
// First the gradients are averaged, of which a rank gets its shards; it measures those, all ranks
// have the sums of all chunks, and so all of them decide the same, a refusal too. Each updates and
// projects its shards, and in the end all have all new parameters. Bytes and bits are those of a
// step that every rank makes by itself with all averages. What a rank alone can fail for comes
// before the first exchange. An exchange that fails after update() leaves state that has taken
// the step beside parameters that have not: there is no going on after it in this process.
class RankShards : public OtherChunks {
 public:
  // `words`: the terms, this rank's number, and the `first` of each tensor.
  RankShards(const std::int32_t* words, std::size_t count, std::size_t tensors);

  // This rank's shard of a tensor.
  Shard of(std::size_t tensor, std::size_t size) const;

  // The shards as tensors of a step of their own. `whole` has whole parameters and gradients, and
  // of the state this rank's shards. Exchanges the gradients.
  std::vector<StepTensor> cut(const std::vector<StepTensor>& whole);

  std::vector<double>& with(const std::vector<double>& own, bool ofGradients) override;

  // After the step: fills the new parameters; of tensors without gradient too if `projected`.
  void gather(bool projected);

 private:
  ExchangeTerms terms_;
  int rank_;
  std::vector<std::int32_t> firsts_;
  std::vector<StepTensor> whole_;
  std::unique_ptr<PooledFloats> gradients_;
  std::vector<double> sums_;
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_MPI_RANK_SHARDS_H_

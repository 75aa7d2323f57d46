#include "mpi/rank_shards.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "engine/sum.h"

namespace tfjs_alig {
namespace {

std::size_t chunksOf(std::size_t size) { return (size + kChunkSize - 1) / kChunkSize; }

}  // namespace

RankShards::RankShards(const std::int32_t* words, std::size_t count, std::size_t tensors)
    : terms_(readExchangeTerms(words, count)) {
  const std::size_t head = kExchangeWords + 1;
  if (count != head + tensors) {
    throw std::invalid_argument("the shards of " + std::to_string(tensors) + " tensors have " +
                                std::to_string(count) + " words");
  }
  rank_ = words[kExchangeWords];
  firsts_.assign(words + head, words + count);
}

Shard RankShards::of(std::size_t tensor, std::size_t size) const {
  return shardOf(size, kChunkSize, firsts_[tensor], rank_, terms_.ranks);
}

std::vector<StepTensor> RankShards::cut(const std::vector<StepTensor>& whole) {
  whole_ = whole;
  std::size_t chunks = 0;
  std::size_t elements = 0;
  for (std::size_t i = 0; i < whole_.size(); ++i) {
    chunks += chunksOf(whole_[i].size);
    if (whole_[i].gradient) elements += of(i, whole_[i].size).size();
  }
  sums_.resize(chunks);
  gradients_ = std::make_unique<PooledFloats>(elements);
  std::vector<StepTensor> shards = whole_;
  std::vector<TfjsAligMpiArray> arrays;
  std::vector<std::int32_t> firsts;
  float* average = gradients_->data();
  for (std::size_t i = 0; i < whole_.size(); ++i) {
    const Shard shard = of(i, whole_[i].size);
    StepTensor& own = shards[i];
    own.size = shard.size();
    own.parameter += shard.begin;
    if (own.newParameter) own.newParameter += shard.begin;
    if (!own.gradient) continue;
    arrays.push_back({own.gradient, average, whole_[i].size});
    firsts.push_back(firsts_[i]);
    own.gradient = average;
    average += own.size;
  }
  const TfjsAligMpiSharding sharded = {firsts.data(), kChunkSize};
  const MpiLibrary& mpi = mpiLibrary();
  callMpi(terms_.fast ? mpi.tfjs_alig_mpi_scatter_floats_fast : mpi.tfjs_alig_mpi_scatter_floats,
          static_cast<const TfjsAligMpiArray*>(arrays.data()), arrays.size(), &sharded,
          static_cast<double>(terms_.ranks), terms_.seconds);
  return shards;
}

std::vector<double>& RankShards::with(const std::vector<double>& own, bool ofGradients) {
  std::vector<TfjsAligMpiArray> arrays;
  std::vector<std::int32_t> firsts;
  const double* next = own.data();
  std::size_t start = 0;
  sums_.resize(0);
  for (std::size_t i = 0; i < whole_.size(); ++i) {
    if (ofGradients && !whole_[i].gradient) continue;
    const std::size_t chunks = chunksOf(whole_[i].size);
    const Shard shard = shardOf(chunks, 1, firsts_[i], rank_, terms_.ranks);
    sums_.resize(start + chunks);
    std::copy_n(next, shard.size(), sums_.data() + start + shard.begin);
    next += shard.size();
    arrays.push_back({nullptr, nullptr, chunks});
    firsts.push_back(firsts_[i]);
    start += chunks;
  }
  double* result = sums_.data();
  for (TfjsAligMpiArray& array : arrays) {
    array.result = result;
    result += array.size;
  }
  const TfjsAligMpiSharding sharded = {firsts.data(), 1};
  callMpi(mpiLibrary().tfjs_alig_mpi_gather_doubles,
          static_cast<const TfjsAligMpiArray*>(arrays.data()), arrays.size(), &sharded,
          terms_.seconds);
  return sums_;
}

void RankShards::gather(bool projected) {
  std::vector<TfjsAligMpiArray> arrays;
  std::vector<std::int32_t> firsts;
  for (std::size_t i = 0; i < whole_.size(); ++i) {
    if (!whole_[i].gradient && !projected) continue;
    arrays.push_back({nullptr, whole_[i].newParameter, whole_[i].size});
    firsts.push_back(firsts_[i]);
  }
  const TfjsAligMpiSharding sharded = {firsts.data(), kChunkSize};
  callMpi(mpiLibrary().tfjs_alig_mpi_gather_floats,
          static_cast<const TfjsAligMpiArray*>(arrays.data()), arrays.size(), &sharded,
          terms_.seconds);
}

}  // namespace tfjs_alig

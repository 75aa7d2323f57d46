#include "mpi/parts.h"

#include <algorithm>
#include <utility>

#include "engine/shards.h"

namespace tfjs_alig {

Buckets::Buckets(std::vector<Runs> runs, int ranks, std::size_t step)
    : runs_(std::move(runs)), ranks_(ranks), step_(step) {
  for (const Runs& each : runs_) most_ = std::max(most_, each.size());
}

Buckets Buckets::equal(int ranks, const TfjsAligMpiArray* arrays, std::size_t count,
                       std::size_t bucketSize) {
  std::vector<Runs> runs(1);
  for (std::size_t i = 0; i < count; ++i) runs[0].add(i, 0, 0, arrays[i].size);
  return Buckets(std::move(runs), ranks, bucketSize);
}

Buckets Buckets::ofShards(const Ranks& ranks, const TfjsAligMpiArray* arrays, std::size_t count,
                          const TfjsAligMpiSharding& sharding, bool dense, std::size_t bucketSize) {
  std::vector<Runs> runs(static_cast<std::size_t>(ranks.size));
  for (int rank = 0; rank < ranks.size; ++rank) {
    for (std::size_t i = 0; i < count; ++i) {
      const Shard shard =
          shardOf(arrays[i].size, sharding.unit, sharding.firsts[i], rank, ranks.size);
      runs[static_cast<std::size_t>(rank)].add(i, shard.begin, dense ? 0 : shard.begin,
                                               shard.size());
    }
  }
  const std::size_t share = bucketSize / runs.size();
  return Buckets(std::move(runs), ranks.size, share > 0 ? share : 1);
}

Parts Buckets::parts(std::size_t bucket) const {
  Parts parts;
  const auto ranks = static_cast<std::size_t>(ranks_);
  const std::size_t begin = bucket * step_;
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    if (runs_.size() == 1) {
      const std::size_t size = std::min(step_, most_ - begin);
      parts.push_back({&runs_[0], begin + size * rank / ranks, begin + size * (rank + 1) / ranks});
      continue;
    }
    const std::size_t size = runs_[rank].size();
    parts.push_back({&runs_[rank], std::min(begin, size), std::min(begin + step_, size)});
  }
  return parts;
}

}  // namespace tfjs_alig

// NOTE [shards]
// Where ranks share an optimiser's state, each tensor is shared by itself, so that it does not
// matter which tensors take part in a step: each rank keeps and updates one unbroken range of its
// chunks, its shard. The rank `first` has the first range, the next rank the next one; they differ
// by one chunk at most, and those of a tensor with few chunks may be empty, which is why tensors
// begin with different ranks. Whole chunks, so that the sum of each is made by one rank alone.
#ifndef TFJS_ALIG_ENGINE_SHARDS_H_
#define TFJS_ALIG_ENGINE_SHARDS_H_

#include <cstddef>

namespace tfjs_alig {

// The elements of a tensor that a rank has.
struct Shard {
  std::size_t begin;
  std::size_t end;
  std::size_t size() const { return end - begin; }
};

// `unit`: the elements of a chunk.
inline Shard shardOf(std::size_t size, std::size_t unit, int first, int rank, int ranks) {
  const std::size_t chunks = (size + unit - 1) / unit;
  const auto count = static_cast<std::size_t>(ranks);
  const auto turn = static_cast<std::size_t>((rank - first % ranks + ranks) % ranks);
  const auto start = [&](std::size_t place) {
    const std::size_t element = (chunks * place + count - 1) / count * unit;
    return element < size ? element : size;
  };
  return {start(turn), start(turn + 1)};
}

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_ENGINE_SHARDS_H_

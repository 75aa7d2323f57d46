// Sums of float32 or double over the ranks, and what ranks share shard by shard.
#ifndef TFJS_ALIG_MPI_REDUCTION_H_
#define TFJS_ALIG_MPI_REDUCTION_H_

#include <cstddef>

#include "mpi/library.h"
#include "mpi/messages.h"

namespace tfjs_alig {

// Adds each element over the ranks in rank order in double, divides and rounds once.
template <class Element>
void sumOverRanks(const Ranks& ranks, const TfjsAligMpiArray* arrays, std::size_t count,
                  double divisor, double seconds);

// The same of float32 by MPI's own reduction, in an order of its choice.
void sumByMpi(const Ranks& ranks, const TfjsAligMpiArray* arrays, std::size_t count, double divisor,
              double seconds);

// The sums of this rank's shards alone, which the results are as long as.
void scatterSums(const Ranks& ranks, const TfjsAligMpiArray* arrays, std::size_t count,
                 const TfjsAligMpiSharding& sharding, double divisor, double seconds);
void scatterSumsByMpi(const Ranks& ranks, const TfjsAligMpiArray* arrays, std::size_t count,
                      const TfjsAligMpiSharding& sharding, double divisor, double seconds);

// Fills the results, of which each rank has its own shards.
template <class Element>
void gatherShards(const Ranks& ranks, const TfjsAligMpiArray* arrays, std::size_t count,
                  const TfjsAligMpiSharding& sharding, double seconds);

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_MPI_REDUCTION_H_

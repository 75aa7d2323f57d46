// Which elements of a list of arrays each rank has, bucket by bucket.
#ifndef TFJS_ALIG_MPI_PARTS_H_
#define TFJS_ALIG_MPI_PARTS_H_

#include <cstddef>
#include <vector>

#include "mpi/reduction.h"
#include "mpi/runs.h"

namespace tfjs_alig {

// A rank's elements in one bucket: [begin, end) of the runs.
struct Part {
  const Runs* runs;
  std::size_t begin;
  std::size_t end;
  std::size_t size() const { return end - begin; }
  template <class Visit>
  void forEach(Visit visit) const {
    runs->forEach(begin, end, visit);
  }
};

// Those of all ranks, by rank.
using Parts = std::vector<Part>;

// Arrays, one after the other, cut into buckets of at most so many elements.
class Buckets {
 public:
  // Each bucket is cut into one part a rank, as long as the others but for one element.
  static Buckets equal(int ranks, const TfjsAligMpiArray* arrays, std::size_t count,
                       std::size_t bucketSize);

  // Each bucket has as many elements of the shards of each rank, as long as that has some.
  // `dense`: the results are this rank's shards alone.
  static Buckets ofShards(const Ranks& ranks, const TfjsAligMpiArray* arrays, std::size_t count,
                          const TfjsAligMpiSharding& sharding, bool dense, std::size_t bucketSize);

  std::size_t count() const { return (most_ + step_ - 1) / step_; }
  Parts parts(std::size_t bucket) const;

 private:
  Buckets(std::vector<Runs> runs, int ranks, std::size_t step);

  std::vector<Runs> runs_;  // of all ranks together, or of each
  int ranks_;
  std::size_t step_;      // elements of a bucket of these runs
  std::size_t most_ = 0;  // elements of the longest of them
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_MPI_PARTS_H_

// Which elements of a list of arrays each rank has, bucket by bucket.
#ifndef TFJS_ALIG_MPI_PARTS_H_
#define TFJS_ALIG_MPI_PARTS_H_

#include <algorithm>
#include <cstddef>
#include <vector>

#include "mpi/reduction.h"

namespace tfjs_alig {

// Unbroken parts of arrays, one after the other.
class Runs {
 public:
  Runs() : starts_{0} {}

  // `resultPlace`: where the result of the element at `place` goes in the array's result.
  void add(std::size_t array, std::size_t place, std::size_t resultPlace, std::size_t size) {
    if (size == 0) return;
    runs_.push_back({array, place, resultPlace});
    starts_.push_back(starts_.back() + size);
  }

  std::size_t size() const { return starts_.back(); }

  // Calls `visit(array, place, place of the result, count)` for each part of a run in [begin, end).
  template <class Visit>
  void forEach(std::size_t begin, std::size_t end, Visit visit) const {
    auto next = std::upper_bound(starts_.begin(), starts_.end(), begin);
    for (std::size_t element = begin; element < end; ++next) {
      const auto index = static_cast<std::size_t>(next - starts_.begin()) - 1;
      const std::size_t stop = std::min(*next, end);
      const std::size_t inside = element - starts_[index];
      const Run& run = runs_[index];
      visit(run.array, run.place + inside, run.resultPlace + inside, stop - element);
      element = stop;
    }
  }

 private:
  struct Run {
    std::size_t array;
    std::size_t place;
    std::size_t resultPlace;
  };
  std::vector<Run> runs_;
  std::vector<std::size_t> starts_;  // of each run, and the end
};

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

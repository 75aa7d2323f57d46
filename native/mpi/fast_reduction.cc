#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "cpu/floating_point.h"
#include "mpi/parts.h"
#include "mpi/reduction.h"

namespace tfjs_alig {
namespace {

// NOTE [fast reduction]
// Buckets, of which each is one reduction of MPI's, kUnderWay of them at a time. 25.6 million
// elements on 2 and 4 ranks of one machine with 2 cores (ms): one bucket of all 49 and 136, of 4 MB
// 46 and 89, of 1 MB 49 and 94, of 256 KB 76 and 140. MPI promises that all ranks get identical
// results (MPI 4.1, 6.9.6).
constexpr std::size_t kBucketSize = (std::size_t{1} << 22) / sizeof(float);
constexpr std::size_t kUnderWay = 4;

// Divides sums that lie one after the other, into the results of a part.
void divide(const Part& part, const TfjsAligMpiArray* arrays, const float* sums, double divisor) {
  const auto count = static_cast<float>(divisor);
  part.forEach([&](std::size_t array, std::size_t, std::size_t resultPlace, std::size_t n) {
    float* const result = static_cast<float*>(arrays[array].result) + resultPlace;
    for (std::size_t i = 0; i < n; ++i) result[i] = sums[i] / count;
    sums += n;
  });
}

void copyOwn(const Part& part, const TfjsAligMpiArray* arrays, std::vector<float>& own) {
  part.forEach([&](std::size_t array, std::size_t place, std::size_t, std::size_t n) {
    const float* const from = static_cast<const float*>(arrays[array].own) + place;
    own.insert(own.end(), from, from + n);
  });
}

// A bucket whose sums all ranks get.
class SummedBucket {
 public:
  // Begins the reduction. A bucket inside one array is reduced where it lies, one of several arrays
  // through memory of ours.
  SummedBucket(const Ranks& ranks, const TfjsAligMpiArray* arrays, const Parts& parts,
               double seconds)
      : arrays_(arrays),
        whole_{parts.front().runs, parts.front().begin, parts.back().end},
        messages_(ranks, seconds) {
    const float* own = nullptr;
    whole_.forEach(
        [&](std::size_t array, std::size_t place, std::size_t resultPlace, std::size_t n) {
          if (n < whole_.size()) return;
          own = static_cast<const float*>(arrays_[array].own) + place;
          sums_ = static_cast<float*>(arrays_[array].result) + resultPlace;
        });
    if (!own) {
      own_.reserve(whole_.size());
      copyOwn(whole_, arrays_, own_);
      copiedSums_.resize(whole_.size());
      own = own_.data();
      sums_ = copiedSums_.data();
    }
    // In place MPI wants it said so.
    messages_.reduce(own == sums_ ? static_cast<const float*>(MPI_IN_PLACE) : own, sums_,
                     static_cast<int>(whole_.size()));
  }

  void finish(double divisor) {
    messages_.wait();
    // What was reduced in place may be memory of a GPU.
    if (divisor == 1.0 && copiedSums_.empty()) return;
    divide(whole_, arrays_, sums_, divisor);
  }

 private:
  const TfjsAligMpiArray* arrays_;
  Part whole_;
  Messages messages_;
  float* sums_ = nullptr;
  std::vector<float> own_;
  std::vector<float> copiedSums_;
};

// A bucket of which each rank gets the sums of its own part.
class ScatteredBucket {
 public:
  ScatteredBucket(const Ranks& ranks, const TfjsAligMpiArray* arrays, const Parts& parts,
                  double seconds)
      : arrays_(arrays),
        part_(parts[static_cast<std::size_t>(ranks.rank)]),
        messages_(ranks, seconds),
        sums_(part_.size()) {
    for (const Part& part : parts) {
      sizes_.push_back(static_cast<int>(part.size()));
      copyOwn(part, arrays_, own_);
    }
    messages_.reduceAndScatter(own_.data(), sums_.data(), sizes_.data());
  }

  void finish(double divisor) {
    messages_.wait();
    divide(part_, arrays_, sums_.data(), divisor);
  }

 private:
  const TfjsAligMpiArray* arrays_;
  Part part_;
  Messages messages_;
  std::vector<float> sums_;
  std::vector<float> own_;
  std::vector<int> sizes_;
};

template <class Bucket>
void reduce(const Ranks& ranks, const TfjsAligMpiArray* arrays, const Buckets& buckets,
            double divisor, double seconds) {
  const IeeeArithmetic ieee;
  // Its addresses stay: MPI writes to them.
  std::deque<Bucket> underWay;
  for (std::size_t i = 0; i < buckets.count(); ++i) {
    underWay.emplace_back(ranks, arrays, buckets.parts(i), seconds);
    if (underWay.size() < kUnderWay) continue;
    underWay.front().finish(divisor);
    underWay.pop_front();
  }
  for (Bucket& bucket : underWay) bucket.finish(divisor);
}

}  // namespace

void sumByMpi(const Ranks& ranks, const TfjsAligMpiArray* arrays, std::size_t count, double divisor,
              double seconds) {
  reduce<SummedBucket>(ranks, arrays, Buckets::equal(ranks.size, arrays, count, kBucketSize),
                       divisor, seconds);
}

void scatterSumsByMpi(const Ranks& ranks, const TfjsAligMpiArray* arrays, std::size_t count,
                      const TfjsAligMpiSharding& sharding, double divisor, double seconds) {
  reduce<ScatteredBucket>(ranks, arrays,
                          Buckets::ofShards(ranks, arrays, count, sharding, true, kBucketSize),
                          divisor, seconds);
}

}  // namespace tfjs_alig

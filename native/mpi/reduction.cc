#include "mpi/reduction.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "cpu/floating_point.h"
#include "mpi/parts.h"

namespace tfjs_alig {
namespace {

// NOTE [reduction in buckets]
// The arrays, one after the other, are cut into buckets, and a bucket into one part a rank. A rank
// gets its own part from every other one (reduce-scatter), adds, and sends the result to all
// (allgather): each rank sends and receives 2 (K - 1) / K of the bytes, as in the allreduce that
// needs the fewest. An element is added up by one rank alone, so that all have the same bits. While
// a bucket is added, the messages of the next one are under way. A part that came lies in memory
// of ours, hence the buckets: their size bounds it, to 4 MB twice. Where ranks share the state, the
// two halves come before and after the step, and a part is one of the rank's shards.
constexpr std::size_t kBucketBytes = std::size_t{1} << 22;

template <class Element>
struct MpiType;
template <>
struct MpiType<float> {
  static MPI_Datatype type() { return MPI_FLOAT; }
};
template <>
struct MpiType<double> {
  static MPI_Datatype type() { return MPI_DOUBLE; }
};

// One bucket on its way.
template <class Element>
class Bucket {
 public:
  Bucket(const Ranks& ranks, const TfjsAligMpiArray* arrays, Parts parts, double seconds)
      : ranks_(ranks),
        arrays_(arrays),
        parts_(std::move(parts)),
        own_(partOf(ranks.rank)),
        scattered_(ranks, seconds),
        gathered_(ranks, seconds) {}

  // Sends each rank its part, and asks all for this one's.
  void scatter() {
    received_.resize(static_cast<std::size_t>(ranks_.size) * own_.size());
    Element* copied = receivedFrom(ranks_.rank);
    own_.forEach([&](std::size_t array, std::size_t place, std::size_t, std::size_t n) {
      copied = std::copy_n(static_cast<const Element*>(arrays_[array].own) + place, n, copied);
    });
    for (int other = 0; other < ranks_.size; ++other) {
      if (other == ranks_.rank) continue;
      if (own_.size() > 0) {
        scattered_.receive(other, Tag::kScattered, receivedFrom(other),
                           static_cast<int>(own_.size()), MpiType<Element>::type());
      }
      Pieces pieces(MpiType<Element>::type());
      partOf(other).forEach([&](std::size_t array, std::size_t place, std::size_t, std::size_t n) {
        pieces.add(static_cast<const Element*>(arrays_[array].own) + place, n);
      });
      if (pieces.type() == MPI_DATATYPE_NULL) continue;
      scattered_.send(other, Tag::kScattered, MPI_BOTTOM, 1, pieces.type());
    }
  }

  // Waits for this rank's part and adds it up, as NOTE [reduction in buckets] says.
  void add(double divisor) {
    scattered_.wait();
    const Element* received = received_.data();
    own_.forEach([&](std::size_t array, std::size_t, std::size_t resultPlace, std::size_t n) {
      Element* const result = static_cast<Element*>(arrays_[array].result) + resultPlace;
      for (std::size_t i = 0; i < n; ++i) {
        double sum = 0.0;
        for (int rank = 0; rank < ranks_.size; ++rank) {
          sum += static_cast<double>(received[static_cast<std::size_t>(rank) * own_.size() + i]);
        }
        result[i] = static_cast<Element>(sum / divisor);
      }
      received += n;
    });
  }

  // Sends all this rank's part of the results and asks them for theirs.
  void gather() {
    Pieces own(MpiType<Element>::type());
    addResults(own_, own);
    for (int other = 0; other < ranks_.size; ++other) {
      if (other == ranks_.rank) continue;
      Pieces theirs(MpiType<Element>::type());
      addResults(partOf(other), theirs);
      if (theirs.type() != MPI_DATATYPE_NULL) {
        gathered_.receive(other, Tag::kGathered, MPI_BOTTOM, 1, theirs.type());
      }
      if (own.type() == MPI_DATATYPE_NULL) continue;
      gathered_.send(other, Tag::kGathered, MPI_BOTTOM, 1, own.type());
    }
  }

  void letMessagesGoOn() {
    scattered_.poll();
    gathered_.poll();
  }

  void finish() { gathered_.wait(); }

 private:
  const Part& partOf(int rank) const { return parts_[static_cast<std::size_t>(rank)]; }

  Element* receivedFrom(int rank) {
    return received_.data() + static_cast<std::size_t>(rank) * own_.size();
  }

  void addResults(const Part& part, Pieces& pieces) const {
    part.forEach([&](std::size_t array, std::size_t, std::size_t resultPlace, std::size_t n) {
      pieces.add(static_cast<const Element*>(arrays_[array].result) + resultPlace, n);
    });
  }

  const Ranks& ranks_;
  const TfjsAligMpiArray* arrays_;
  const Parts parts_;
  const Part& own_;
  Messages scattered_;
  Messages gathered_;
  std::vector<Element> received_;
};

// The sums of all buckets, which all ranks get if `gathers`.
template <class Element>
void reduce(const Ranks& ranks, const TfjsAligMpiArray* arrays, const Buckets& buckets,
            bool gathers, double divisor, double seconds) {
  const IeeeArithmetic ieee;
  std::unique_ptr<Bucket<Element>> scattering;
  std::unique_ptr<Bucket<Element>> gathering;
  for (std::size_t i = 0; i < buckets.count() || scattering; ++i) {
    std::unique_ptr<Bucket<Element>> next;
    if (i < buckets.count()) {
      next = std::make_unique<Bucket<Element>>(ranks, arrays, buckets.parts(i), seconds);
      next->scatter();
    }
    if (scattering) {
      scattering->add(divisor);
      if (gathers) scattering->gather();
      if (next) next->letMessagesGoOn();
      if (gathering) gathering->finish();
      gathering = std::move(scattering);
    }
    scattering = std::move(next);
  }
  if (gathering) gathering->finish();
}

}  // namespace

template <class Element>
void sumOverRanks(const Ranks& ranks, const TfjsAligMpiArray* arrays, std::size_t count,
                  double divisor, double seconds) {
  reduce<Element>(ranks, arrays,
                  Buckets::equal(ranks.size, arrays, count, kBucketBytes / sizeof(Element)), true,
                  divisor, seconds);
}

void scatterSums(const Ranks& ranks, const TfjsAligMpiArray* arrays, std::size_t count,
                 const TfjsAligMpiSharding& sharding, double divisor, double seconds) {
  reduce<float>(
      ranks, arrays,
      Buckets::ofShards(ranks, arrays, count, sharding, true, kBucketBytes / sizeof(float)), false,
      divisor, seconds);
}

template <class Element>
void gatherShards(const Ranks& ranks, const TfjsAligMpiArray* arrays, std::size_t count,
                  const TfjsAligMpiSharding& sharding, double seconds) {
  const Buckets buckets =
      Buckets::ofShards(ranks, arrays, count, sharding, false, kBucketBytes / sizeof(Element));
  std::unique_ptr<Bucket<Element>> gathering;
  for (std::size_t i = 0; i < buckets.count(); ++i) {
    auto next = std::make_unique<Bucket<Element>>(ranks, arrays, buckets.parts(i), seconds);
    next->gather();
    if (gathering) gathering->finish();
    gathering = std::move(next);
  }
  if (gathering) gathering->finish();
}

template void sumOverRanks<float>(const Ranks&, const TfjsAligMpiArray*, std::size_t, double,
                                  double);
template void sumOverRanks<double>(const Ranks&, const TfjsAligMpiArray*, std::size_t, double,
                                   double);
template void gatherShards<float>(const Ranks&, const TfjsAligMpiArray*, std::size_t,
                                  const TfjsAligMpiSharding&, double);
template void gatherShards<double>(const Ranks&, const TfjsAligMpiArray*, std::size_t,
                                   const TfjsAligMpiSharding&, double);

}  // namespace tfjs_alig

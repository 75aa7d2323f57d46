#include "mpi/reduction.h"

#include <algorithm>
#include <deque>
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
// a bucket is added, the messages of others are under way. A part that came lies in memory of ours.
// Where ranks share the state, the two halves come before and after the step, and a part is one of
// the rank's shards.
//
// A long message begins with a question and its answer, which wait behind the messages before
// them: a slow link is busy only with several buckets under way. But what came should still be in
// the cache when it is added. 25.6 million elements, on 2 ranks over 1 Gbit/s, and on 2 and 4
// ranks of one machine with 2 cores (ms): 2 buckets of 4 MB 1574, 96 and 176; 8 of 4 MB 1132, 107
// and 210; 8 of 2 MB 992, 105 and 179; 16 of 1 MB 987, 89 and 187; 8 of 1 MB 1019, 88 and 165.
constexpr std::size_t kBucketBytes = std::size_t{1} << 20;
constexpr std::size_t kBytesUnderWay = std::size_t{1} << 23;
// With many ranks parts would become short messages, of which a rank sends one to each other.
constexpr std::size_t kLeastPartBytes = std::size_t{1} << 18;

std::size_t bucketBytesOf(const Ranks& ranks) {
  return std::max(kBucketBytes, static_cast<std::size_t>(ranks.size) * kLeastPartBytes);
}

std::size_t bucketsUnderWay(const Ranks& ranks) {
  return std::max<std::size_t>(2, kBytesUnderWay / bucketBytesOf(ranks));
}

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
    std::vector<Element>().swap(received_);
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
  const std::size_t count = buckets.count();
  const std::size_t most = bucketsUnderWay(ranks);
  std::deque<Bucket<Element>> underWay;  // those that are not finished
  std::size_t scattered = 0;
  std::size_t finished = 0;
  for (std::size_t added = 0; added < count; ++added) {
    for (; scattered < std::min(count, added + most); ++scattered) {
      underWay.emplace_back(ranks, arrays, buckets.parts(scattered), seconds);
      underWay.back().scatter();
    }
    Bucket<Element>& bucket = underWay[added - finished];
    bucket.add(divisor);
    if (gathers) bucket.gather();
    for (Bucket<Element>& each : underWay) each.letMessagesGoOn();
    for (; added + 1 - finished >= most; ++finished) {
      underWay.front().finish();
      underWay.pop_front();
    }
  }
  for (Bucket<Element>& bucket : underWay) bucket.finish();
}

}  // namespace

template <class Element>
void sumOverRanks(const Ranks& ranks, const TfjsAligMpiArray* arrays, std::size_t count,
                  double divisor, double seconds) {
  reduce<Element>(ranks, arrays,
                  Buckets::equal(ranks.size, arrays, count, bucketBytesOf(ranks) / sizeof(Element)),
                  true, divisor, seconds);
}

void scatterSums(const Ranks& ranks, const TfjsAligMpiArray* arrays, std::size_t count,
                 const TfjsAligMpiSharding& sharding, double divisor, double seconds) {
  reduce<float>(
      ranks, arrays,
      Buckets::ofShards(ranks, arrays, count, sharding, true, bucketBytesOf(ranks) / sizeof(float)),
      false, divisor, seconds);
}

template <class Element>
void gatherShards(const Ranks& ranks, const TfjsAligMpiArray* arrays, std::size_t count,
                  const TfjsAligMpiSharding& sharding, double seconds) {
  const Buckets buckets = Buckets::ofShards(ranks, arrays, count, sharding, false,
                                            bucketBytesOf(ranks) / sizeof(Element));
  const std::size_t most = bucketsUnderWay(ranks);
  std::deque<Bucket<Element>> underWay;
  for (std::size_t i = 0; i < buckets.count(); ++i) {
    underWay.emplace_back(ranks, arrays, buckets.parts(i), seconds);
    underWay.back().gather();
    if (underWay.size() < most) continue;
    underWay.front().finish();
    underWay.pop_front();
  }
  for (Bucket<Element>& bucket : underWay) bucket.finish();
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

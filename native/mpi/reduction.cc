#include "mpi/reduction.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <vector>

#include "cpu/floating_point.h"

namespace tfjs_alig {
namespace {

// NOTE [reduction in buckets]
// The arrays, one after the other, are cut into buckets, and a bucket into one shard a rank. A rank
// gets its own shard from every other one (reduce-scatter), adds, and sends the result to all
// (allgather): each rank sends and receives 2 (K - 1) / K of the bytes, as in the allreduce that
// needs the fewest. An element is added up by one rank alone, so that all have the same bits. While
// a bucket is added, the messages of the next one are under way. A shard that came lies in memory
// of ours, hence the buckets: their size bounds it, to 4 MB twice.
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

// The elements of all arrays one after the other, by their places.
class Elements {
 public:
  Elements(const TfjsAligMpiArray* arrays, std::size_t count) : arrays_(arrays) {
    starts_.reserve(count + 1);
    starts_.push_back(0);
    for (std::size_t i = 0; i < count; ++i) starts_.push_back(starts_.back() + arrays[i].size);
  }

  std::size_t size() const { return starts_.back(); }

  // Calls `visit(array, place in it, count)` for each run of elements of one array in [begin, end).
  template <class Visit>
  void forEachRun(std::size_t begin, std::size_t end, Visit visit) const {
    auto next = std::upper_bound(starts_.begin(), starts_.end(), begin);
    for (std::size_t place = begin; place < end; ++next) {
      const std::size_t stop = std::min(*next, end);
      if (stop == place) continue;
      const auto index = static_cast<std::size_t>(next - starts_.begin()) - 1;
      visit(arrays_[index], place - starts_[index], stop - place);
      place = stop;
    }
  }

 private:
  const TfjsAligMpiArray* arrays_;
  std::vector<std::size_t> starts_;
};

struct Shard {
  std::size_t begin;
  std::size_t end;
  std::size_t size() const { return end - begin; }
};

// One bucket on its way.
template <class Element>
class Bucket {
 public:
  Bucket(const Ranks& ranks, const Elements& elements, std::size_t begin, std::size_t end,
         double seconds)
      : ranks_(ranks),
        elements_(elements),
        begin_(begin),
        size_(end - begin),
        gradients_(ranks, seconds),
        averages_(ranks, seconds),
        received_(static_cast<std::size_t>(ranks.size) * shardOf(ranks.rank).size()) {}

  // Sends each rank its shard, and asks all for this one's.
  void scatter() {
    const Shard own = shardOf(ranks_.rank);
    Element* copied = receivedFrom(ranks_.rank);
    elements_.forEachRun(
        own.begin, own.end, [&](const TfjsAligMpiArray& array, std::size_t place, std::size_t n) {
          copied = std::copy_n(static_cast<const Element*>(array.own) + place, n, copied);
        });
    for (int other = 0; other < ranks_.size; ++other) {
      if (other == ranks_.rank) continue;
      if (own.size() > 0) {
        gradients_.receive(other, Tag::kGradient, receivedFrom(other), static_cast<int>(own.size()),
                           MpiType<Element>::type());
      }
      Pieces pieces(MpiType<Element>::type());
      addPieces(other, &TfjsAligMpiArray::own, pieces);
      if (pieces.type() == MPI_DATATYPE_NULL) continue;
      gradients_.send(other, Tag::kGradient, MPI_BOTTOM, 1, pieces.type());
    }
  }

  // Adds this rank's shard up, sends it to all and asks them for theirs.
  void addAndGather(double divisor) {
    gradients_.wait();
    add(divisor);
    Pieces own(MpiType<Element>::type());
    addPieces(ranks_.rank, &TfjsAligMpiArray::result, own);
    for (int other = 0; other < ranks_.size; ++other) {
      if (other == ranks_.rank) continue;
      Pieces theirs(MpiType<Element>::type());
      addPieces(other, &TfjsAligMpiArray::result, theirs);
      if (theirs.type() != MPI_DATATYPE_NULL) {
        averages_.receive(other, Tag::kAverage, MPI_BOTTOM, 1, theirs.type());
      }
      if (own.type() == MPI_DATATYPE_NULL) continue;
      averages_.send(other, Tag::kAverage, MPI_BOTTOM, 1, own.type());
    }
  }

  void letMessagesGoOn() {
    gradients_.poll();
    averages_.poll();
  }

  void finish() { averages_.wait(); }

 private:
  Shard shardOf(int rank) const {
    const auto ranks = static_cast<std::size_t>(ranks_.size);
    const auto place = static_cast<std::size_t>(rank);
    return {begin_ + size_ * place / ranks, begin_ + size_ * (place + 1) / ranks};
  }

  Element* receivedFrom(int rank) {
    return received_.data() + static_cast<std::size_t>(rank) * shardOf(ranks_.rank).size();
  }

  // Adds this rank's shard up, as NOTE [reduction in buckets] says.
  void add(double divisor) {
    const Shard own = shardOf(ranks_.rank);
    const Element* received = received_.data();
    elements_.forEachRun(
        own.begin, own.end, [&](const TfjsAligMpiArray& array, std::size_t place, std::size_t n) {
          Element* const result = static_cast<Element*>(array.result) + place;
          for (std::size_t i = 0; i < n; ++i) {
            double sum = 0.0;
            for (int rank = 0; rank < ranks_.size; ++rank) {
              sum += static_cast<double>(received[static_cast<std::size_t>(rank) * own.size() + i]);
            }
            result[i] = static_cast<Element>(sum / divisor);
          }
          received += n;
        });
  }

  // The pieces of a rank's shard in one memory of the arrays: `own` or `result`.
  template <class Memory>
  void addPieces(int rank, Memory TfjsAligMpiArray::*memory, Pieces& pieces) const {
    const Shard shard = shardOf(rank);
    elements_.forEachRun(shard.begin, shard.end,
                         [&](const TfjsAligMpiArray& array, std::size_t place, std::size_t n) {
                           pieces.add(static_cast<const Element*>(array.*memory) + place, n);
                         });
  }

  const Ranks& ranks_;
  const Elements& elements_;
  std::size_t begin_;
  std::size_t size_;
  Messages gradients_;
  Messages averages_;
  std::vector<Element> received_;
};

// NOTE [fast reduction]
// The same buckets, of which each is one reduction of MPI's, kUnderWay of them at a time. 25.6
// million elements on 2 and 4 ranks of one machine with 2 cores (ms): one bucket of all 49 and 136,
// of 4 MB 46 and 89, of 1 MB 49 and 94, of 256 KB 76 and 140. MPI promises that all ranks get
// identical results (MPI 4.1, 6.9.6).
constexpr std::size_t kUnderWay = 4;

class BucketOfMpi {
 public:
  // Begins the reduction. A bucket inside one array is reduced where it lies, one of several arrays
  // through memory of ours.
  BucketOfMpi(const Ranks& ranks, const Elements& elements, std::size_t begin, std::size_t end,
              double seconds)
      : elements_(elements), begin_(begin), end_(end), messages_(ranks, seconds) {
    const float* own = nullptr;
    float* sums = nullptr;
    forEachRun([&](const float* from, float* to, std::size_t n) {
      if (n < end_ - begin_) return;
      own = from;
      sums = to;
    });
    if (!own) {
      own_.reserve(end_ - begin_);
      forEachRun([&](const float* from, float*, std::size_t n) {
        own_.insert(own_.end(), from, from + n);
      });
      sums_.resize(own_.size());
      own = own_.data();
      sums = sums_.data();
    }
    // In place MPI wants it said so.
    messages_.reduce(own == sums ? static_cast<const float*>(MPI_IN_PLACE) : own, sums,
                     static_cast<int>(end_ - begin_));
  }

  void finish(double divisor) {
    messages_.wait();
    const auto count = static_cast<float>(divisor);
    const float* sums = sums_.data();
    forEachRun([&](const float*, float* result, std::size_t n) {
      if (sums_.empty()) {
        for (std::size_t i = 0; i < n; ++i) result[i] /= count;
      } else {
        for (std::size_t i = 0; i < n; ++i) result[i] = sums[i] / count;
        sums += n;
      }
    });
  }

 private:
  template <class Visit>
  void forEachRun(Visit visit) const {
    elements_.forEachRun(begin_, end_,
                         [&](const TfjsAligMpiArray& array, std::size_t place, std::size_t n) {
                           visit(static_cast<const float*>(array.own) + place,
                                 static_cast<float*>(array.result) + place, n);
                         });
  }

  const Elements& elements_;
  std::size_t begin_;
  std::size_t end_;
  Messages messages_;
  std::vector<float> own_;
  std::vector<float> sums_;
};

}  // namespace

void sumByMpi(const Ranks& ranks, const TfjsAligMpiArray* arrays, std::size_t count, double divisor,
              double seconds) {
  const IeeeArithmetic ieee;
  const Elements elements(arrays, count);
  constexpr std::size_t kBucketSize = kBucketBytes / sizeof(float);
  // Its addresses stay: MPI writes to them.
  std::deque<BucketOfMpi> underWay;
  for (std::size_t begin = 0; begin < elements.size(); begin += kBucketSize) {
    const std::size_t end = std::min(elements.size(), begin + kBucketSize);
    underWay.emplace_back(ranks, elements, begin, end, seconds);
    if (underWay.size() < kUnderWay) continue;
    underWay.front().finish(divisor);
    underWay.pop_front();
  }
  for (BucketOfMpi& bucket : underWay) bucket.finish(divisor);
}

template <class Element>
void sumOverRanks(const Ranks& ranks, const TfjsAligMpiArray* arrays, std::size_t count,
                  double divisor, double seconds) {
  const IeeeArithmetic ieee;
  const Elements elements(arrays, count);
  const std::size_t bucketSize = kBucketBytes / sizeof(Element);
  std::unique_ptr<Bucket<Element>> scattering;
  std::unique_ptr<Bucket<Element>> gathering;
  for (std::size_t begin = 0; begin < elements.size() || scattering; begin += bucketSize) {
    std::unique_ptr<Bucket<Element>> next;
    if (begin < elements.size()) {
      const std::size_t end = std::min(elements.size(), begin + bucketSize);
      next = std::make_unique<Bucket<Element>>(ranks, elements, begin, end, seconds);
      next->scatter();
    }
    if (scattering) {
      scattering->addAndGather(divisor);
      if (next) next->letMessagesGoOn();
      if (gathering) gathering->finish();
      gathering = std::move(scattering);
    }
    scattering = std::move(next);
  }
  if (gathering) gathering->finish();
}

template void sumOverRanks<float>(const Ranks&, const TfjsAligMpiArray*, std::size_t, double,
                                  double);
template void sumOverRanks<double>(const Ranks&, const TfjsAligMpiArray*, std::size_t, double,
                                   double);

}  // namespace tfjs_alig

// Parts of arrays as one list of elements.
#ifndef TFJS_ALIG_MPI_RUNS_H_
#define TFJS_ALIG_MPI_RUNS_H_

#include <algorithm>
#include <cstddef>
#include <vector>

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

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_MPI_RUNS_H_

#include "mpi/gpu_average.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <mutex>
#include <utility>

#include "mpi/runs.h"

namespace tfjs_alig {
namespace {

// NOTE [gradients of a GPU]
// They go through pinned memory of the host, which every MPI can read, in pieces: while MPI
// averages one, the GPU copies the next one to the host and the averages of the last one back. A
// piece is several buckets, NOTE [reduction in buckets], which overlap too. Where MPI adds by
// itself and says that it takes addresses of a GPU, the pieces stay in the GPU's memory; the
// addition in rank order is the host's.
constexpr std::size_t kPieceSize = std::size_t{1} << 22;  // 16 MB
constexpr std::size_t kPieces = 3;

// Where pieces lie while MPI has them, for as long as the process lives.
float* stagingOf(CudaSession& session, bool onGpu) {
  static std::map<std::pair<CudaSession*, bool>, float*> memory;
  float*& found = memory[{&session, onGpu}];
  if (!found) {
    constexpr std::size_t kSize = kPieces * kPieceSize;
    found = onGpu ? session.allocate(kSize) : session.allocateHost(kSize);
  }
  return found;
}

}  // namespace

void averageOnGpu(CudaSession& session, const std::vector<TfjsAligMpiArray>& arrays,
                  const ExchangeTerms& terms) {
  // One memory for all threads.
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  Runs runs;
  for (std::size_t i = 0; i < arrays.size(); ++i) runs.add(i, 0, 0, arrays[i].size);
  const std::size_t pieces = (runs.size() + kPieceSize - 1) / kPieceSize;
  const auto endOf = [&](std::size_t piece) {
    return std::min(runs.size(), (piece + 1) * kPieceSize);
  };
  const bool onGpu = terms.fast && mpiLibrary().tfjs_alig_mpi_takes_gpu_memory() != 0;
  float* const memory = stagingOf(session, onGpu);
  const auto staged = [&](std::size_t piece) { return memory + piece % kPieces * kPieceSize; };
  const auto download = [&](std::size_t piece) {
    if (piece >= pieces) return;
    float* to = staged(piece);
    runs.forEach(piece * kPieceSize, endOf(piece),
                 [&](std::size_t array, std::size_t place, std::size_t, std::size_t size) {
                   session.copy(to, static_cast<const float*>(arrays[array].own) + place, size);
                   to += size;
                 });
  };
  download(0);
  session.wait();
  download(1);
  for (std::size_t i = 0; i < pieces; ++i) {
    const std::size_t size = endOf(i) - i * kPieceSize;
    const TfjsAligMpiArray piece = {staged(i), staged(i), size};
    if (onGpu) {
      callMpi(mpiLibrary().tfjs_alig_mpi_sum_floats_fast, &piece, std::size_t{1}, 1.0,
              terms.seconds);
    } else {
      averageOverRanks(&piece, 1, terms);
    }
    session.wait();
    if (onGpu) session.divide(staged(i), size, static_cast<float>(terms.ranks));
    const float* from = staged(i);
    runs.forEach(i * kPieceSize, endOf(i),
                 [&](std::size_t array, std::size_t, std::size_t place, std::size_t count) {
                   session.copy(static_cast<float*>(arrays[array].result) + place, from, count);
                   from += count;
                 });
    download(i + 2);
  }
  session.wait();
}

}  // namespace tfjs_alig

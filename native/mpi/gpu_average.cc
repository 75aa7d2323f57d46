#include "mpi/gpu_average.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <mutex>
#include <utility>

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

// A part of an array in a piece.
struct Part {
  const float* own;
  float* result;
  std::size_t size;
};

// The elements of all arrays one after the other, in pieces.
std::vector<std::vector<Part>> piecesOf(const std::vector<TfjsAligMpiArray>& arrays) {
  std::vector<std::vector<Part>> pieces;
  std::size_t room = 0;
  for (const TfjsAligMpiArray& array : arrays) {
    for (std::size_t place = 0; place < array.size;) {
      if (room == 0) {
        pieces.emplace_back();
        room = kPieceSize;
      }
      const std::size_t size = std::min(room, array.size - place);
      pieces.back().push_back({static_cast<const float*>(array.own) + place,
                               static_cast<float*>(array.result) + place, size});
      place += size;
      room -= size;
    }
  }
  return pieces;
}

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
  const std::vector<std::vector<Part>> pieces = piecesOf(arrays);
  const bool onGpu = terms.fast && mpiLibrary().tfjs_alig_mpi_takes_gpu_memory() != 0;
  float* const memory = stagingOf(session, onGpu);
  const auto staged = [&](std::size_t piece) { return memory + piece % kPieces * kPieceSize; };
  const auto download = [&](std::size_t piece) {
    if (piece >= pieces.size()) return;
    float* to = staged(piece);
    for (const Part& part : pieces[piece]) {
      session.copy(to, part.own, part.size);
      to += part.size;
    }
  };
  download(0);
  session.wait();
  download(1);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    std::size_t size = 0;
    for (const Part& part : pieces[i]) size += part.size;
    const TfjsAligMpiArray array = {staged(i), staged(i), size};
    if (onGpu) {
      callMpi(mpiLibrary().tfjs_alig_mpi_sum_floats_fast, &array, std::size_t{1}, 1.0,
              terms.seconds);
    } else {
      averageOverRanks(&array, 1, terms);
    }
    session.wait();
    if (onGpu) session.divide(staged(i), size, static_cast<float>(terms.ranks));
    const float* from = staged(i);
    for (const Part& part : pieces[i]) {
      session.copy(part.result, from, part.size);
      from += part.size;
    }
    download(i + 2);
  }
  session.wait();
}

}  // namespace tfjs_alig

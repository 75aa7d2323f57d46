#include "mpi/library.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "mpi/messages.h"
#include "mpi/reduction.h"

// After mpi.h: what Open MPI says of GPUs.
#if defined(OPEN_MPI) && __has_include(<mpi-ext.h>)
#include <mpi-ext.h>
#endif

namespace tfjs_alig {
namespace {

enum class Condition {
  kUsable,
  // An exchange of records failed: MPI may still write to its memory, which is kept.
  kRecordsUnderWay,
  // MPI may still write to arrays of the caller's, and does so within its functions alone: none is
  // called any more.
  kArraysUnderWay,
};

// What this process knows of MPI. MPI allows one call at a time (MPI_THREAD_SERIALIZED).
struct Process {
  std::mutex mutex;
  Ranks ranks;
  Condition condition = Condition::kUsable;
  bool startedHere = false;
  std::vector<bool> left;
};

Process& process() {
  // Never destroyed: a thread of Node's may be in it when the process ends.
  static Process* const instance = new Process();
  return *instance;
}

// Runs the body of a function of the interface and turns what it throws into a message.
template <class Body>
int guarded(TfjsAligMpiError error, Body body) {
  try {
    const std::lock_guard<std::mutex> lock(process().mutex);
    body();
    return 0;
  } catch (const std::exception& thrown) {
    std::snprintf(error.message, error.capacity, "%s", thrown.what());
    return 1;
  }
}

// Runs what has messages of arrays under way.
template <class Body>
int exchangingArrays(TfjsAligMpiError error, Body body) {
  return guarded(error, [&] {
    Process& self = process();
    if (self.condition != Condition::kUsable) {
      throw std::runtime_error("an exchange between the ranks has failed before");
    }
    self.condition = Condition::kArraysUnderWay;
    body(self.ranks);
    self.condition = Condition::kUsable;
  });
}

void start() {
  Process& self = process();
  if (self.ranks.communicator != MPI_COMM_NULL) return;
  int initialized = 0;
  checkMpi(MPI_Initialized(&initialized), "MPI_Initialized");
  int provided = MPI_THREAD_SINGLE;
  if (initialized) {
    checkMpi(MPI_Query_thread(&provided), "MPI_Query_thread");
  } else {
    checkMpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided),
             "MPI_Init_thread");
    self.startedHere = true;
  }
  if (provided < MPI_THREAD_SERIALIZED) {
    throw std::runtime_error("this MPI allows its functions on one thread alone");
  }
  Ranks ranks;
  checkMpi(MPI_Comm_dup(MPI_COMM_WORLD, &ranks.communicator), "MPI_Comm_dup");
  checkMpi(MPI_Comm_set_errhandler(ranks.communicator, MPI_ERRORS_RETURN),
           "MPI_Comm_set_errhandler");
  checkMpi(MPI_Comm_rank(ranks.communicator, &ranks.rank), "MPI_Comm_rank");
  checkMpi(MPI_Comm_size(ranks.communicator, &ranks.size), "MPI_Comm_size");
  self.left.assign(static_cast<std::size_t>(ranks.size), false);
  self.ranks = ranks;
}

bool isLast(const unsigned char* record) {
  std::int32_t kind;
  std::memcpy(&kind, record, sizeof kind);
  return kind == 0;
}

void exchange(const void* record, std::size_t bytes, void* received, double seconds) {
  Process& self = process();
  const Ranks& ranks = self.ranks;
  if (self.condition != Condition::kUsable) {
    throw std::runtime_error("an exchange between the ranks has failed before");
  }
  self.condition = Condition::kRecordsUnderWay;
  const auto count = static_cast<std::size_t>(ranks.size);
  // Given up and not freed where the exchange fails.
  auto memory = std::make_unique<std::vector<unsigned char>>((count + 1) * bytes);
  unsigned char* const all = memory->data();
  unsigned char* const own = all + count * bytes;
  std::memcpy(own, record, bytes);
  std::memcpy(all + static_cast<std::size_t>(ranks.rank) * bytes, record, bytes);
  try {
    Messages messages(ranks, seconds);
    const int length = static_cast<int>(bytes);
    for (int other = 0; other < ranks.size; ++other) {
      if (other == ranks.rank) continue;
      unsigned char* const theirs = all + static_cast<std::size_t>(other) * bytes;
      messages.receive(other, Tag::kRecord, theirs, length, MPI_BYTE);
      messages.send(other, Tag::kRecord, own, length, MPI_BYTE);
    }
    messages.wait();
  } catch (...) {
    static_cast<void>(memory.release());
    throw;
  }
  self.condition = Condition::kUsable;
  for (std::size_t rank = 0; rank < count; ++rank) {
    if (isLast(all + rank * bytes)) self.left[rank] = true;
  }
  std::memcpy(received, all, count * bytes);
}

// Receives the records of those that have not sent their last one, until they have.
bool receiveLastRecords(Process& self, std::size_t bytes, double seconds) {
  const Ranks& ranks = self.ranks;
  const auto count = static_cast<std::size_t>(ranks.size);
  self.left[static_cast<std::size_t>(ranks.rank)] = true;
  const auto allLeft = [&] {
    for (const bool left : self.left) {
      if (!left) return false;
    }
    return true;
  };
  while (!allLeft()) {
    std::vector<unsigned char>& all = *new std::vector<unsigned char>(count * bytes);
    Messages messages(ranks, seconds);
    for (std::size_t other = 0; other < count; ++other) {
      if (self.left[other]) continue;
      messages.receive(static_cast<int>(other), Tag::kRecord, all.data() + other * bytes,
                       static_cast<int>(bytes), MPI_BYTE);
    }
    try {
      messages.wait();
    } catch (const std::exception&) {
      return false;
    }
    for (std::size_t other = 0; other < count; ++other) {
      if (!self.left[other] && isLast(all.data() + other * bytes)) self.left[other] = true;
    }
    delete &all;
  }
  return true;
}

bool leave(const void* record, std::size_t bytes, double seconds) {
  Process& self = process();
  const Ranks& ranks = self.ranks;
  if (self.condition == Condition::kArraysUnderWay) return false;
  const bool wasUsable = self.condition == Condition::kUsable;
  self.condition = Condition::kRecordsUnderWay;
  // Not freed: the ranks may receive it after this process has gone on to its end.
  auto& own = *new std::vector<unsigned char>(bytes);
  std::memcpy(own.data(), record, bytes);
  Messages messages(ranks, seconds);
  for (int other = 0; other < ranks.size; ++other) {
    if (other == ranks.rank || self.left[static_cast<std::size_t>(other)]) continue;
    messages.send(other, Tag::kRecord, own.data(), static_cast<int>(bytes), MPI_BYTE);
  }
  try {
    messages.wait();
  } catch (const std::exception&) {
    return false;
  }
  // The records of a failed exchange are asked for already.
  return wasUsable && receiveLastRecords(self, bytes, seconds);
}

void broadcast(const Ranks& ranks, const TfjsAligMpiArray* arrays, std::size_t count, int root,
               double seconds) {
  constexpr std::size_t kMost = std::size_t{1} << 30;
  for (std::size_t i = 0; i < count; ++i) {
    const TfjsAligMpiArray& array = arrays[i];
    for (std::size_t place = 0; place < array.size; place += kMost) {
      const int length = static_cast<int>(std::min(kMost, array.size - place));
      Messages messages(ranks, seconds);
      if (ranks.rank != root) {
        messages.receive(root, Tag::kBroadcast, static_cast<char*>(array.result) + place, length,
                         MPI_BYTE);
      } else {
        for (int other = 0; other < ranks.size; ++other) {
          if (other == root) continue;
          messages.send(other, Tag::kBroadcast, static_cast<const char*>(array.own) + place, length,
                        MPI_BYTE);
        }
      }
      messages.wait();
    }
    if (ranks.rank == root && array.result != array.own) {
      std::memcpy(array.result, array.own, array.size);
    }
  }
}

}  // namespace
}  // namespace tfjs_alig

using tfjs_alig::process;
using tfjs_alig::Ranks;

int tfjs_alig_mpi_takes_gpu_memory() {
  const char* const given = std::getenv("TFJS_ALIG_MPI_GPU_MEMORY");
  if (given && *given) return std::strcmp(given, "0") == 0 ? 0 : 1;
#if defined(MPIX_CUDA_AWARE_SUPPORT)
  return MPIX_Query_cuda_support();
#else
  return 0;
#endif
}

const char* tfjs_alig_mpi_version() { return TFJS_ALIG_VERSION; }

int tfjs_alig_mpi_open(int* rank, int* size, char* name, std::size_t capacity,
                       TfjsAligMpiError error) {
  return tfjs_alig::guarded(error, [&] {
    tfjs_alig::start();
    *rank = process().ranks.rank;
    *size = process().ranks.size;
    char version[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int length = 0;
    tfjs_alig::checkMpi(MPI_Get_library_version(version, &length), "MPI_Get_library_version");
    std::snprintf(name, capacity, "%s", version);
  });
}

int tfjs_alig_mpi_exchange(const void* record, std::size_t bytes, void* received, double seconds,
                           TfjsAligMpiError error) {
  return tfjs_alig::guarded(error, [&] { tfjs_alig::exchange(record, bytes, received, seconds); });
}

int tfjs_alig_mpi_broadcast(const TfjsAligMpiArray* arrays, std::size_t count, int root,
                            double seconds, TfjsAligMpiError error) {
  return tfjs_alig::exchangingArrays(error, [&](const Ranks& ranks) {
    tfjs_alig::broadcast(ranks, arrays, count, root, seconds);
  });
}

int tfjs_alig_mpi_sum_floats(const TfjsAligMpiArray* arrays, std::size_t count, double divisor,
                             double seconds, TfjsAligMpiError error) {
  return tfjs_alig::exchangingArrays(error, [&](const Ranks& ranks) {
    tfjs_alig::sumOverRanks<float>(ranks, arrays, count, divisor, seconds);
  });
}

int tfjs_alig_mpi_sum_floats_fast(const TfjsAligMpiArray* arrays, std::size_t count, double divisor,
                                  double seconds, TfjsAligMpiError error) {
  return tfjs_alig::exchangingArrays(error, [&](const Ranks& ranks) {
    tfjs_alig::sumByMpi(ranks, arrays, count, divisor, seconds);
  });
}

int tfjs_alig_mpi_sum_doubles(const TfjsAligMpiArray* arrays, std::size_t count, double divisor,
                              double seconds, TfjsAligMpiError error) {
  return tfjs_alig::exchangingArrays(error, [&](const Ranks& ranks) {
    tfjs_alig::sumOverRanks<double>(ranks, arrays, count, divisor, seconds);
  });
}

int tfjs_alig_mpi_scatter_floats(const TfjsAligMpiArray* arrays, std::size_t count,
                                 const TfjsAligMpiSharding* sharding, double divisor,
                                 double seconds, TfjsAligMpiError error) {
  return tfjs_alig::exchangingArrays(error, [&](const Ranks& ranks) {
    tfjs_alig::scatterSums(ranks, arrays, count, *sharding, divisor, seconds);
  });
}

int tfjs_alig_mpi_scatter_floats_fast(const TfjsAligMpiArray* arrays, std::size_t count,
                                      const TfjsAligMpiSharding* sharding, double divisor,
                                      double seconds, TfjsAligMpiError error) {
  return tfjs_alig::exchangingArrays(error, [&](const Ranks& ranks) {
    tfjs_alig::scatterSumsByMpi(ranks, arrays, count, *sharding, divisor, seconds);
  });
}

int tfjs_alig_mpi_gather_floats(const TfjsAligMpiArray* arrays, std::size_t count,
                                const TfjsAligMpiSharding* sharding, double seconds,
                                TfjsAligMpiError error) {
  return tfjs_alig::exchangingArrays(error, [&](const Ranks& ranks) {
    tfjs_alig::gatherShards<float>(ranks, arrays, count, *sharding, seconds);
  });
}

int tfjs_alig_mpi_gather_doubles(const TfjsAligMpiArray* arrays, std::size_t count,
                                 const TfjsAligMpiSharding* sharding, double seconds,
                                 TfjsAligMpiError error) {
  return tfjs_alig::exchangingArrays(error, [&](const Ranks& ranks) {
    tfjs_alig::gatherShards<double>(ranks, arrays, count, *sharding, seconds);
  });
}

int tfjs_alig_mpi_leave(const void* record, std::size_t bytes, double seconds, int* complete,
                        TfjsAligMpiError error) {
  return tfjs_alig::guarded(error,
                            [&] { *complete = tfjs_alig::leave(record, bytes, seconds) ? 1 : 0; });
}

int tfjs_alig_mpi_finalize(TfjsAligMpiError error) {
  return tfjs_alig::guarded(error, [&] {
    if (process().startedHere) tfjs_alig::checkMpi(MPI_Finalize(), "MPI_Finalize");
  });
}

// Non-blocking messages between the ranks, and the wait for them that ends in bounded time.
#ifndef TFJS_ALIG_MPI_MESSAGES_H_
#define TFJS_ALIG_MPI_MESSAGES_H_

// The C++ bindings, which MPI has given up, would need libraries of their own.
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

namespace tfjs_alig {

// Throws std::runtime_error with MPI's own words where a call has failed.
void checkMpi(int code, const char* function);

// Which process of how many this is, and the communicator of this package alone.
struct Ranks {
  MPI_Comm communicator = MPI_COMM_NULL;
  int rank = 0;
  int size = 1;
};

// What messages are for; each has a tag of its own.
enum class Tag { kRecord, kBroadcast, kScattered, kGathered };

// Elements of several arrays that one message takes, wherever they lie. MPI reads and writes them
// there.
class Pieces {
 public:
  explicit Pieces(MPI_Datatype element) : element_(element) {}
  Pieces(const Pieces&) = delete;
  Pieces& operator=(const Pieces&) = delete;
  ~Pieces();

  void add(const void* address, std::size_t count);
  // The type of them all together, at MPI_BOTTOM; MPI_DATATYPE_NULL where there are none.
  MPI_Datatype type();

 private:
  MPI_Datatype element_;
  std::vector<MPI_Aint> addresses_;
  std::vector<int> counts_;
  MPI_Datatype type_ = MPI_DATATYPE_NULL;
};

// Messages that are under way. Waits for them; where that fails they are left as they are, since
// MPI may still write to where they go: the caller calls no other function of MPI then, so that it
// does not.
class Messages {
 public:
  Messages(const Ranks& ranks, double seconds) : ranks_(ranks), seconds_(seconds) {}

  // `type` times `count` at `address`, from or to another rank.
  void receive(int from, Tag tag, void* address, int count, MPI_Datatype type);
  void send(int to, Tag tag, const void* address, int count, MPI_Datatype type);

  // The sums over all ranks of float32, by MPI.
  void reduce(const float* own, float* sums, int count);
  // The same of `counts`, one entry a rank, elements one after the other; a rank gets its own.
  void reduceAndScatter(const float* own, float* sums, const int* counts);

  // Waits until all of them are through. Throws std::runtime_error that names the ranks whose
  // messages are missing when none has come for `seconds`.
  void wait();

  // Asks once whether all are through, which lets MPI go on with them.
  bool poll();

 private:
  std::string missing() const;

  const Ranks& ranks_;
  double seconds_;
  std::vector<MPI_Request> requests_;
  // The other rank of each request; kAll: it is one of all ranks.
  static constexpr int kAll = -1;
  std::vector<int> others_;
  std::vector<int> indices_;
  std::size_t done_ = 0;
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_MPI_MESSAGES_H_

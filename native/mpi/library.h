// The C interface of the MPI engine, a shared library of its own (libtfjs_alig_mpi.so) that the
// add-on loads at run time, so that one package serves machines with and without MPI.
#ifndef TFJS_ALIG_MPI_LIBRARY_H_
#define TFJS_ALIG_MPI_LIBRARY_H_

#include <cstddef>
#include <cstdint>

extern "C" {

// Every function that can fail returns 0, or not 0 and a message (cut to `capacity`, ended with 0).
struct TfjsAligMpiError {
  char* message;
  std::size_t capacity;
};

// The package's version that the library was compiled from.
const char* tfjs_alig_mpi_version();

// Starts MPI where this process has not, and says which process of how many it is, and the name and
// version of the MPI library (at most `capacity` bytes). Collective at the first call.
int tfjs_alig_mpi_open(int* rank, int* size, char* name, std::size_t capacity,
                       TfjsAligMpiError error);

// All functions below but the last two are collective: every rank calls the same ones in the same
// order with the same sizes, which the records of tfjs_alig_mpi_exchange are for. One runs at a
// time in a process. They block, and fail when no message has come for `seconds`, with a message
// that names the ranks that are waited for. After a failure only tfjs_alig_mpi_leave can be called.

// Gives each rank the record of every rank: `received` has one after the other, in rank order. A
// record starts with 4 bytes that are 0 in that of tfjs_alig_mpi_leave alone, which comes in place
// of the one that a rank will not send any more.
int tfjs_alig_mpi_exchange(const void* record, std::size_t bytes, void* received, double seconds,
                           TfjsAligMpiError error);

// One array of a rank, and where its result is put; both may be the same.
struct TfjsAligMpiArray {
  const void* own;
  void* result;
  std::size_t size;
};

// Overwrites the arrays' results with what `own` is at the root. The unit of `size` is a byte.
int tfjs_alig_mpi_broadcast(const TfjsAligMpiArray* arrays, std::size_t count, int root,
                            double seconds, TfjsAligMpiError error);

// The sums over all ranks, divided by `divisor`: each element is added in rank order in double,
// divided and rounded once. In float32, and in double.
int tfjs_alig_mpi_sum_floats(const TfjsAligMpiArray* arrays, std::size_t count, double divisor,
                             double seconds, TfjsAligMpiError error);
int tfjs_alig_mpi_sum_doubles(const TfjsAligMpiArray* arrays, std::size_t count, double divisor,
                              double seconds, TfjsAligMpiError error);

// The same by MPI's own reduction: added in float32 in an order of MPI's choice, which may be
// another one on other numbers of ranks or another network. All ranks get the same bits.
// With one array, in place and divided by 1, only MPI has its address, which may be a GPU's then.
int tfjs_alig_mpi_sum_floats_fast(const TfjsAligMpiArray* arrays, std::size_t count, double divisor,
                                  double seconds, TfjsAligMpiError error);

// Whether MPI says that it takes addresses of a GPU; TFJS_ALIG_MPI_GPU_MEMORY, 0 or 1, says it in
// its place.
int tfjs_alig_mpi_takes_gpu_memory();

// How arrays are cut into the shards of the ranks: NOTE [shards] in engine/shards.h.
struct TfjsAligMpiSharding {
  const std::int32_t* firsts;  // one entry an array
  std::size_t unit;
};

// The sums, as above, of the rank's shards alone: each result has the elements of one, no others.
int tfjs_alig_mpi_scatter_floats(const TfjsAligMpiArray* arrays, std::size_t count,
                                 const TfjsAligMpiSharding* sharding, double divisor,
                                 double seconds, TfjsAligMpiError error);
int tfjs_alig_mpi_scatter_floats_fast(const TfjsAligMpiArray* arrays, std::size_t count,
                                      const TfjsAligMpiSharding* sharding, double divisor,
                                      double seconds, TfjsAligMpiError error);

// Fills the results, which are whole and of which each rank has its own shards; `own` is not read.
int tfjs_alig_mpi_gather_floats(const TfjsAligMpiArray* arrays, std::size_t count,
                                const TfjsAligMpiSharding* sharding, double seconds,
                                TfjsAligMpiError error);
int tfjs_alig_mpi_gather_doubles(const TfjsAligMpiArray* arrays, std::size_t count,
                                 const TfjsAligMpiSharding* sharding, double seconds,
                                 TfjsAligMpiError error);

// Sends every rank this one's last record, and waits up to `seconds` for the last ones of all
// others; `complete` says whether all have come. Nothing after a failure that left messages under
// way.
int tfjs_alig_mpi_leave(const void* record, std::size_t bytes, double seconds, int* complete,
                        TfjsAligMpiError error);

// Ends MPI: waits until every rank has called it. Nothing where this library has not started MPI.
int tfjs_alig_mpi_finalize(TfjsAligMpiError error);

}  // extern "C"

#endif  // TFJS_ALIG_MPI_LIBRARY_H_

// The MPI engine's library as this process has loaded it. Nothing of MPI is needed to compile or to
// load this: where the library or MPI is missing there is a reason in place of an engine.
#ifndef TFJS_ALIG_MPI_LOADED_LIBRARY_H_
#define TFJS_ALIG_MPI_LOADED_LIBRARY_H_

#include <stdexcept>
#include <string>

#include "mpi/library.h"

namespace tfjs_alig {

#define TFJS_ALIG_MPI_FUNCTIONS(X)     \
  X(tfjs_alig_mpi_version)             \
  X(tfjs_alig_mpi_open)                \
  X(tfjs_alig_mpi_exchange)            \
  X(tfjs_alig_mpi_broadcast)           \
  X(tfjs_alig_mpi_sum_floats)          \
  X(tfjs_alig_mpi_sum_floats_fast)     \
  X(tfjs_alig_mpi_sum_doubles)         \
  X(tfjs_alig_mpi_takes_gpu_memory)    \
  X(tfjs_alig_mpi_scatter_floats)      \
  X(tfjs_alig_mpi_scatter_floats_fast) \
  X(tfjs_alig_mpi_gather_floats)       \
  X(tfjs_alig_mpi_gather_doubles)      \
  X(tfjs_alig_mpi_leave)               \
  X(tfjs_alig_mpi_finalize)

// The functions of mpi/library.h.
struct MpiLibrary {
#define TFJS_ALIG_MEMBER(name) decltype(&::name) name;
  TFJS_ALIG_MPI_FUNCTIONS(TFJS_ALIG_MEMBER)
#undef TFJS_ALIG_MEMBER
};

// What came of looking for the library, once a process.
struct MpiLibraryState {
  const MpiLibrary* library = nullptr;  // null: `problem` says why
  std::string path;                     // where it lies, or was looked for
  std::string problem;
};

// Loads the library at the first call: that in build/mpi of the add-on's package, or the file that
// TFJS_ALIG_MPI_LIBRARY names. Does not start MPI. Never throws for what is missing or wrong.
const MpiLibraryState& mpiLibraryState();

// The library; throws std::runtime_error with the reason where there is none.
const MpiLibrary& mpiLibrary();

// Calls a function of the library, with its message as a std::runtime_error where it fails.
template <class... Parameters, class... Arguments>
void callMpi(int (*function)(Parameters...), Arguments... arguments) {
  char message[512] = "";
  if (function(arguments..., TfjsAligMpiError{message, sizeof message}) != 0) {
    throw std::runtime_error(message);
  }
}

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_MPI_LOADED_LIBRARY_H_

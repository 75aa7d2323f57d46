#include "mpi/loaded_library.h"

#include <cstdlib>

#if !defined(_WIN32)
#include "node/engine_library.h"
#include "node/package_folder.h"
#endif

namespace tfjs_alig {
namespace {

#if defined(_WIN32)
MpiLibraryState load() {
  MpiLibraryState state;
  state.problem = "the MPI engine is not available on Windows";
  return state;
}
#else
std::string libraryPath() {
  const char* const chosen = std::getenv("TFJS_ALIG_MPI_LIBRARY");
  return chosen && *chosen ? chosen : packageFolder() + "/build/mpi/libtfjs_alig_mpi.so";
}

MpiLibrary open(const std::string& path) {
  // RTLD_GLOBAL holds for the MPI library that comes with it: Open MPI loads its parts at run time,
  // and they look for its functions among the global ones. MPI cannot be started twice.
  const EngineLibrary file(path, "MPI engine", "tfjs_alig_mpi_version", RTLD_GLOBAL);
  MpiLibrary library;
#define TFJS_ALIG_LOOK_UP(name) file.lookUp(#name, library.name);
  TFJS_ALIG_MPI_FUNCTIONS(TFJS_ALIG_LOOK_UP)
#undef TFJS_ALIG_LOOK_UP
  return library;
}

MpiLibraryState load() {
  static MpiLibrary library;
  MpiLibraryState state;
  state.path = libraryPath();
  try {
    library = open(state.path);
    state.library = &library;
  } catch (const std::runtime_error& error) {
    state.problem = error.what();
  }
  return state;
}
#endif

}  // namespace

const MpiLibraryState& mpiLibraryState() {
  static const MpiLibraryState* const state = new MpiLibraryState(load());
  return *state;
}

const MpiLibrary& mpiLibrary() {
  const MpiLibraryState& state = mpiLibraryState();
  if (!state.library) {
    throw std::runtime_error("the MPI engine could not be loaded: " + state.problem);
  }
  return *state.library;
}

}  // namespace tfjs_alig

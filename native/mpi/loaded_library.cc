#include "mpi/loaded_library.h"

#include <cstdlib>

#if !defined(_WIN32)
#include <dlfcn.h>

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

// Fills `library` and returns what is wrong with the file, or an empty text.
std::string lookUp(const std::string& path, MpiLibrary& library) {
  // RTLD_GLOBAL holds for the MPI library that comes with it: Open MPI loads its parts at run time,
  // and they look for its functions among the global ones. RTLD_NODELETE: MPI cannot be started
  // twice.
  void* const loaded = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
  if (!loaded) return dlerror();
  using Version = decltype(&tfjs_alig_mpi_version);
  const auto version = reinterpret_cast<Version>(dlsym(loaded, "tfjs_alig_mpi_version"));
  if (!version) return path + " is not the MPI engine of tfjs-alig";
  // Before any other function is looked up: another version may have others, under these names too.
  if (std::string(version()) != TFJS_ALIG_VERSION) {
    return "it was built from version " + std::string(version()) +
           ", and this package is " TFJS_ALIG_VERSION;
  }
#define TFJS_ALIG_LOOK_UP(name)                                           \
  library.name = reinterpret_cast<decltype(&name)>(dlsym(loaded, #name)); \
  if (!library.name) return "it has no function " #name;
  TFJS_ALIG_MPI_FUNCTIONS(TFJS_ALIG_LOOK_UP)
#undef TFJS_ALIG_LOOK_UP
  return "";
}

MpiLibraryState load() {
  static MpiLibrary library;
  MpiLibraryState state;
  state.path = libraryPath();
  state.problem = lookUp(state.path, library);
  if (state.problem.empty()) state.library = &library;
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

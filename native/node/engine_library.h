// An engine's shared library, which the add-on loads at run time. Not on Windows.
#ifndef TFJS_ALIG_NODE_ENGINE_LIBRARY_H_
#define TFJS_ALIG_NODE_ENGINE_LIBRARY_H_

#include <dlfcn.h>

#include <stdexcept>
#include <string>

namespace tfjs_alig {

class EngineLibrary {
 public:
  // Opens the library of the engine of this name; RTLD_NODELETE, because what it has started ends
  // with the process. Throws std::runtime_error with what is wrong with the file, where it is of
  // another version as well: that may have other functions under the names of these.
  EngineLibrary(const std::string& path, const char* engine, const char* versionFunction, int scope)
      : loaded_(dlopen(path.c_str(), RTLD_NOW | RTLD_NODELETE | scope)) {
    if (!loaded_) throw std::runtime_error(dlerror());
    const auto version = reinterpret_cast<const char* (*)()>(dlsym(loaded_, versionFunction));
    if (!version) throw std::runtime_error(path + " is not the " + engine + " of tfjs-alig");
    if (std::string(version()) != TFJS_ALIG_VERSION) {
      throw std::runtime_error("it was built from version " + std::string(version()) +
                               ", and this package is " TFJS_ALIG_VERSION);
    }
  }

  template <class Function>
  void lookUp(const char* name, Function& function) const {
    function = reinterpret_cast<Function>(dlsym(loaded_, name));
    if (!function) throw std::runtime_error(std::string("it has no function ") + name);
  }

 private:
  void* const loaded_;
};

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_NODE_ENGINE_LIBRARY_H_

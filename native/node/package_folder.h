// Where the package lies whose add-on this is, and with it the libraries that were built beside it.
#ifndef TFJS_ALIG_NODE_PACKAGE_FOLDER_H_
#define TFJS_ALIG_NODE_PACKAGE_FOLDER_H_

#include <dlfcn.h>

#include <string>

namespace tfjs_alig {

inline std::string folderOf(const std::string& path) {
  return path.substr(0, path.find_last_of('/'));
}

// The package's folder; empty where the system does not know where the add-on lies. Not on Windows.
inline std::string packageFolder() {
  Dl_info addon;
  if (!dladdr(reinterpret_cast<void*>(&packageFolder), &addon) || !addon.dli_fname) return "";
  // The add-on lies two folders below the package: in build/Release or in prebuilds/linux-x64.
  return folderOf(folderOf(folderOf(addon.dli_fname)));
}

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_NODE_PACKAGE_FOLDER_H_

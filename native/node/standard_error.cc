#include "node/standard_error.h"

#if defined(_WIN32)

namespace tfjs_alig {

bool holdStandardError() { return false; }
std::string releaseStandardError() { return ""; }

}  // namespace tfjs_alig

#else

#include <unistd.h>

#include <cstdio>
#include <mutex>

namespace tfjs_alig {
namespace {

// Node runs one add-on for all of its threads.
std::mutex mutex;
std::FILE* held = nullptr;
int original = -1;

}  // namespace

bool holdStandardError() {
  const std::lock_guard<std::mutex> lock(mutex);
  if (held) return false;
  std::fflush(stderr);
  std::FILE* const file = std::tmpfile();
  if (!file) return false;
  original = dup(STDERR_FILENO);
  if (original < 0 || dup2(fileno(file), STDERR_FILENO) < 0) {
    if (original >= 0) close(original);
    std::fclose(file);
    return false;
  }
  held = file;
  return true;
}

std::string releaseStandardError() {
  const std::lock_guard<std::mutex> lock(mutex);
  if (!held) return "";
  std::fflush(stderr);
  dup2(original, STDERR_FILENO);
  close(original);
  std::string text;
  std::rewind(held);
  char part[4096];
  while (const std::size_t count = std::fread(part, 1, sizeof part, held)) text.append(part, count);
  std::fclose(held);
  held = nullptr;
  return text;
}

}  // namespace tfjs_alig

#endif

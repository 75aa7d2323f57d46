#include "cpu/threads.h"

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#if defined(__linux__)
#include <sched.h>
#endif

namespace tfjs_alig {
namespace {

#if defined(__linux__)
int readTopology(int processor, const char* name) {
  std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(processor) + "/topology/" +
                     name);
  int value = -1;
  file >> value;
  return value;
}
#endif

int physicalCores() {
  const int hardware = static_cast<int>(std::thread::hardware_concurrency());
#if defined(__linux__)
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
    std::set<std::pair<int, int>> cores;
    for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
      if (!CPU_ISSET(processor, &allowed)) continue;
      const int core = readTopology(processor, "core_id");
      // Without a topology each processor counts as a core.
      cores.emplace(readTopology(processor, "physical_package_id"), core < 0 ? processor : core);
    }
    if (!cores.empty()) return static_cast<int>(cores.size());
  }
#endif
  return hardware > 0 ? hardware : 1;
}

int checked(int count, const std::string& name) {
  if (count < 1 || count > kMostThreads) {
    throw std::invalid_argument(name + " must be a whole number from 1 to " +
                                std::to_string(kMostThreads) + ", not " + std::to_string(count));
  }
  return count;
}

int initialCount() {
  const char* variable = std::getenv("TFJS_ALIG_THREADS");
  if (!variable || !*variable) return physicalCores();
  char* end = nullptr;
  const long count = std::strtol(variable, &end, 10);
  if (*end || count < 1 || count > kMostThreads) {
    throw std::invalid_argument("TFJS_ALIG_THREADS must be a whole number from 1 to " +
                                std::to_string(kMostThreads) + ", not '" + variable + "'");
  }
  return static_cast<int>(count);
}

std::atomic<int>& setting() {
  static std::atomic<int> count{initialCount()};
  return count;
}

}  // namespace

int threadCount() { return setting().load(std::memory_order_relaxed); }

void setThreadCount(int count) { setting().store(checked(count, "thread count")); }

}  // namespace tfjs_alig

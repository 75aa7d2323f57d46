// What the shim's runtime asks of the scheduler.
//
// NOTE [schedules]
// SIMT_SCHEDULE orders blocks of a grid, threads of a block and streams: `forward`, `backward` or
// `random:SEED`. A kernel that depends on an order gives other bits under one of them.
#ifndef TFJS_ALIG_TEST_SIMT_SCHEDULER_H_
#define TFJS_ALIG_TEST_SIMT_SCHEDULER_H_

#include <cstddef>
#include <functional>

#include "simt/device.h"

namespace simt {

constexpr unsigned kMostThreads = 1024;
constexpr int kErrorExitCode = 86;

// Which of so many, at least one, the schedule takes next.
std::size_t nextOf(std::size_t count);

// Runs all blocks of a launch.
void runGrid(const cudaLaunchConfig_t& configuration, const std::function<void()>& kernel);

}  // namespace simt

#endif  // TFJS_ALIG_TEST_SIMT_SCHEDULER_H_

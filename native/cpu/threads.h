// How many threads a step takes.
#ifndef TFJS_ALIG_CPU_THREADS_H_
#define TFJS_ALIG_CPU_THREADS_H_

namespace tfjs_alig {

// Default: TFJS_ALIG_THREADS, else the physical cores that this process may run on (a second
// hardware thread of a core adds no memory bandwidth).
int threadCount();

// Throws std::invalid_argument unless 1 <= count <= kMostThreads.
void setThreadCount(int count);

constexpr int kMostThreads = 1024;

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_CPU_THREADS_H_

// Runs the threads of a block as fibers, one block after the other. Never compiled with a
// sanitizer: those shall see the kernels alone. It tells them about fibers where
// SIMT_ADDRESS_SANITIZER or SIMT_THREAD_SANITIZER is defined.
#include "simt/scheduler.h"

#include <sys/mman.h>

#include <algorithm>
#include <boost/context/detail/fcontext.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "simt/observe.h"

namespace context = boost::context::detail;

extern "C" {
#if defined(SIMT_THREAD_SANITIZER)
void* __tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void* fiber);
void __tsan_switch_to_fiber(void* fiber, unsigned flags);
void* __tsan_get_current_fiber();
void __tsan_acquire(void* address);
void __tsan_release(void* address);
#else
static void __tsan_acquire(void*) {}
static void __tsan_release(void*) {}
#endif
#if defined(SIMT_ADDRESS_SANITIZER)
void __sanitizer_start_switch_fiber(void** fakeStack, const void* bottom, std::size_t size);
void __sanitizer_finish_switch_fiber(void* fakeStack, const void** bottom, std::size_t* size);
#endif
// The linker names the borders of the section with shared memory.
extern char __start_simt_shared[] __attribute__((weak));
extern char __stop_simt_shared[] __attribute__((weak));
}

namespace simt {

Thread* currentThread;
std::function<bool(unsigned, unsigned)> runsBlock;

namespace {

constexpr unsigned kWarpSize = 32;
constexpr std::size_t kStackSize = 256 << 10;
constexpr std::size_t kPage = 4096;

enum class Schedule { kForward, kBackward, kRandom };
Schedule schedule = Schedule::kForward;
std::mt19937_64 randomNumbers(1);

void readSchedule() {
  static bool read = false;
  if (read) return;
  read = true;
  const char* variable = std::getenv("SIMT_SCHEDULE");
  const std::string text = variable ? variable : "forward";
  if (text == "backward") {
    schedule = Schedule::kBackward;
  } else if (text.rfind("random:", 0) == 0) {
    schedule = Schedule::kRandom;
    randomNumbers.seed(std::strtoull(text.c_str() + 7, nullptr, 10));
  } else if (text != "forward") {
    std::fprintf(stderr, "SIMT_SCHEDULE is forward, backward or random:SEED, not '%s'\n",
                 text.c_str());
    std::exit(kErrorExitCode);
  }
}

enum class State { kReady, kAtBarrier, kInWarpOperation, kDone };

struct Fiber : Thread {
  State state;
  unsigned number;
  unsigned lane;
  unsigned warp;
  WarpOperation operation;
  unsigned mask;
  int argument;
  int width;
  unsigned size;
  unsigned long long input;
  unsigned long long output;
  Site site;
  bool fenced;            // before its next atomic operation
  unsigned* atomicPlace;  // of its last one
  char* stack;
  context::fcontext_t context;
  [[maybe_unused]] void* sanitizerFiber;
  [[maybe_unused]] void* fakeStack;
};

// Where the race detector keeps what the barriers of a block and of its warps have ordered.
struct BlockTags {
  char barrier;
  char warps[kWarpSize];
};

// The one block that runs.
struct Block {
  std::vector<Fiber> fibers = std::vector<Fiber>(kMostThreads);
  std::function<void()> kernel;
  unsigned threads;
  unsigned alive;
  unsigned atBarrier;
  unsigned waiting[kWarpSize];  // of each warp, the lanes in a warp operation
  unsigned exited[kWarpSize];   // and those that have ended or never were
  // Threads that can go on. Not a vector: one that grew in a fiber would look like a race.
  unsigned ready[kMostThreads];
  unsigned readyCount;
  BlockTags* tags;
  char startTag;
  char endTag;
};
Block block;

// Of the grid that runs, until they have been counted: NOTE in observe.h.
unsigned blocksLeftOut;

context::fcontext_t mainContext;
[[maybe_unused]] void* mainFiber;
[[maybe_unused]] void* mainFakeStack;
[[maybe_unused]] const void* mainBottom;
[[maybe_unused]] std::size_t mainSize;

Fiber& currentFiber() { return *static_cast<Fiber*>(currentThread); }

[[noreturn]] void fail(const char* what) {
  const uint3 index = block.fibers[0].blockIndex;
  std::fprintf(stderr, "SIMT error: %s, in block (%u, %u, %u)\n", what, index.x, index.y, index.z);
  static const char* const kStates[] = {"ready", "at a barrier", "in a warp operation", "ended"};
  for (unsigned first = 0; first < block.threads;) {
    const Fiber& fiber = block.fibers[first];
    unsigned last = first;
    while (last + 1 < block.threads && block.fibers[last + 1].state == fiber.state &&
           block.fibers[last + 1].site.line == fiber.site.line) {
      ++last;
    }
    std::fprintf(stderr, "  threads %u to %u: %s", first, last,
                 kStates[static_cast<int>(fiber.state)]);
    if (fiber.state == State::kAtBarrier || fiber.state == State::kInWarpOperation) {
      std::fprintf(stderr, " at %s:%d:%d, mask %08x", fiber.site.file, fiber.site.line,
                   fiber.site.column, fiber.mask);
    }
    std::fprintf(stderr, "\n");
    first = last + 1;
  }
  std::fflush(stderr);
  std::_Exit(kErrorExitCode);
}

void release(Fiber& fiber) {
  fiber.state = State::kReady;
  block.ready[block.readyCount++] = fiber.number;
}

void switchToMain([[maybe_unused]] Fiber& fiber) {
#if defined(SIMT_ADDRESS_SANITIZER)
  __sanitizer_start_switch_fiber(&fiber.fakeStack, mainBottom, mainSize);
#endif
#if defined(SIMT_THREAD_SANITIZER)
  __tsan_switch_to_fiber(mainFiber, 1);
#endif
  mainContext = context::jump_fcontext(mainContext, nullptr).fctx;
#if defined(SIMT_ADDRESS_SANITIZER)
  __sanitizer_finish_switch_fiber(fiber.fakeStack, &mainBottom, &mainSize);
#endif
}

void switchTo(Fiber& fiber) {
  currentThread = &fiber;
#if defined(SIMT_ADDRESS_SANITIZER)
  __sanitizer_start_switch_fiber(&mainFakeStack, fiber.stack, kStackSize);
#endif
#if defined(SIMT_THREAD_SANITIZER)
  // 1: to switch is no order between what the two fibers do.
  __tsan_switch_to_fiber(fiber.sanitizerFiber, 1);
#endif
  fiber.context = context::jump_fcontext(fiber.context, nullptr).fctx;
#if defined(SIMT_ADDRESS_SANITIZER)
  __sanitizer_finish_switch_fiber(mainFakeStack, nullptr, nullptr);
#endif
}

bool sameSite(const Site& one, const Site& other) {
  return one.line == other.line && one.column == other.column &&
         std::strcmp(one.file, other.file) == 0;
}

void releaseBarrierIfComplete() {
  if (block.atBarrier == 0 || block.atBarrier != block.alive) return;
  if (block.alive != block.threads) fail("a barrier after some threads of the block have ended");
  for (unsigned i = 1; i < block.threads; ++i) {
    if (!sameSite(block.fibers[0].site, block.fibers[i].site)) {
      fail("the threads of a block are at different barriers");
    }
  }
  block.atBarrier = 0;
  for (unsigned i = 0; i < block.threads; ++i) release(block.fibers[i]);
}

// The lane that a shuffle reads from.
int sourceLane(const Fiber& fiber) {
  const int lane = static_cast<int>(fiber.lane);
  const int base = lane & ~(fiber.width - 1);
  int source = lane;
  switch (fiber.operation) {
    case WarpOperation::kShuffle:
      return base + (fiber.argument & (fiber.width - 1));
    case WarpOperation::kShuffleUp:
      source = lane - fiber.argument;
      return source < base ? lane : source;
    case WarpOperation::kShuffleDown:
      source = lane + fiber.argument;
      break;
    default:
      source = lane ^ fiber.argument;
      break;
  }
  return source >= base + fiber.width ? lane : source;
}

void finishWarpOperation(Fiber* warp, unsigned lanes) {
  unsigned ballot = 0;
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    if (lanes >> lane & 1 && warp[lane].input) ballot |= 1u << lane;
  }
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    if (!(lanes >> lane & 1)) continue;
    Fiber& fiber = warp[lane];
    if (fiber.operation == WarpOperation::kBallot) {
      fiber.output = ballot;
    } else if (fiber.operation != WarpOperation::kSync) {
      const int source = sourceLane(fiber);
      // A lane that takes no part has no value on a GPU; here it is NaN.
      fiber.output = lanes >> source & 1 ? warp[source].input : ~0ull;
    }
  }
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    if (!(lanes >> lane & 1)) continue;
    block.waiting[warp[lane].warp] &= ~(1u << lane);
    release(warp[lane]);
  }
}

// Ends the warp operations of which all lanes have come.
void releaseWarpIfComplete(unsigned number) {
  Fiber* warp = &block.fibers[number * kWarpSize];
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    if (!(block.waiting[number] >> lane & 1)) continue;
    const Fiber& fiber = warp[lane];
    const unsigned lanes = fiber.mask & ~block.exited[number];
    if (lanes & ~block.waiting[number]) continue;
    for (unsigned other = 0; other < kWarpSize; ++other) {
      if (lanes >> other & 1 &&
          (warp[other].mask != fiber.mask || warp[other].operation != fiber.operation ||
           warp[other].size != fiber.size || warp[other].width != fiber.width)) {
        fail("lanes of a warp operation differ in mask, operation, type or width");
      }
    }
    finishWarpOperation(warp, lanes);
  }
}

void runThread(Fiber& fiber) {
  __tsan_acquire(&block.startTag);
  block.kernel();
  __tsan_release(&block.endTag);
  fiber.state = State::kDone;
  --block.alive;
  block.exited[fiber.warp] |= 1u << fiber.lane;
  releaseBarrierIfComplete();
  releaseWarpIfComplete(fiber.warp);
}

void fiberEntry(context::transfer_t transfer) {
  mainContext = transfer.fctx;
#if defined(SIMT_ADDRESS_SANITIZER)
  __sanitizer_finish_switch_fiber(nullptr, &mainBottom, &mainSize);
#endif
  for (;;) {
    runThread(currentFiber());
    switchToMain(currentFiber());
  }
}

char* mapPages(void* address, std::size_t size) {
  const int fixed = address ? MAP_FIXED : 0;
  void* const mapped = mmap(address, size, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed, -1, 0);
  if (mapped == MAP_FAILED) std::abort();
  return static_cast<char*>(mapped);
}

void prepareFiber(Fiber& fiber) {
  const bool fresh = !fiber.stack;
  if (fresh) fiber.stack = mapPages(nullptr, kStackSize);
#if defined(SIMT_THREAD_SANITIZER)
  // Another block's thread: a new fiber, and stacks that the sanitizer takes for new memory.
  if (!fresh) {
    mapPages(fiber.stack, kStackSize);
    __tsan_destroy_fiber(fiber.sanitizerFiber);
  }
  fiber.sanitizerFiber = __tsan_create_fiber(1);
  const bool startAgain = true;
#else
  const bool startAgain = fresh;
#endif
  if (startAgain) {
    fiber.context = context::make_fcontext(fiber.stack + kStackSize, kStackSize, fiberEntry);
  }
}

void forgetSharedMemory() {
  if (!__start_simt_shared) return;
  const auto size = static_cast<std::size_t>(__stop_simt_shared - __start_simt_shared);
#if defined(SIMT_THREAD_SANITIZER)
  // New pages, so that the blocks' uses of one static do not look like races. What else lies on
  // the last page goes on.
  const std::size_t pages = (size + kPage - 1) / kPage * kPage;
  const std::vector<char> tail(__stop_simt_shared, __start_simt_shared + pages);
  mapPages(__start_simt_shared, pages);
  std::memcpy(__stop_simt_shared, tail.data(), tail.size());
#else
  static_cast<void>(kPage);
#endif
  std::memset(__start_simt_shared, 0xff, size);
}

// Other blocks' barriers order nothing for this one: the detector forgets what it kept for memory
// that is given back.
void forgetTags() {
#if defined(SIMT_THREAD_SANITIZER)
  if (block.tags) munmap(block.tags, kPage);
#else
  if (block.tags) return;
#endif
  block.tags = reinterpret_cast<BlockTags*>(mapPages(nullptr, kPage));
}

void runBlock() {
  forgetTags();
  for (unsigned i = 0; i < block.threads; ++i) prepareFiber(block.fibers[i]);
#if defined(SIMT_THREAD_SANITIZER)
  mainFiber = __tsan_get_current_fiber();
#endif
  // The threads see what the host did, not what those of earlier blocks did.
  __tsan_release(&block.startTag);
  block.readyCount = block.threads;
  for (unsigned i = 0; i < block.threads; ++i) {
    block.ready[i] = schedule == Schedule::kBackward ? block.threads - 1 - i : i;
  }
  while (block.readyCount > 0) {
    unsigned turn[kMostThreads];
    const unsigned count = std::exchange(block.readyCount, 0u);
    std::copy_n(block.ready, count, turn);
    if (schedule == Schedule::kRandom) std::shuffle(turn, turn + count, randomNumbers);
    for (unsigned i = 0; i < count; ++i) switchTo(block.fibers[turn[i]]);
  }
  if (block.alive > 0) fail("deadlock");
}

void setIndices(const cudaLaunchConfig_t& configuration, unsigned long long blockNumber) {
  const dim3 grid = configuration.gridDim;
  const dim3 size = configuration.blockDim;
  for (unsigned warp = 0; warp < kWarpSize; ++warp) {
    const unsigned first = warp * kWarpSize;
    block.waiting[warp] = 0;
    block.exited[warp] = first + kWarpSize <= block.threads ? 0
                         : first >= block.threads           ? ~0u
                                                            : ~0u << (block.threads - first);
  }
  for (unsigned i = 0; i < block.threads; ++i) {
    Fiber& fiber = block.fibers[i];
    fiber.state = State::kReady;
    fiber.number = i;
    fiber.lane = i % kWarpSize;
    fiber.warp = i / kWarpSize;
    fiber.site = {"", 0, 0};
    fiber.fenced = false;
    fiber.atomicPlace = nullptr;
    fiber.threadIndex = {i % size.x, i / size.x % size.y, i / (size.x * size.y)};
    fiber.blockSize = size;
    fiber.gridSize = grid;
    fiber.blockIndex = {static_cast<unsigned>(blockNumber % grid.x),
                        static_cast<unsigned>(blockNumber / grid.x % grid.y),
                        static_cast<unsigned>(blockNumber / grid.x / grid.y)};
  }
}

}  // namespace

std::size_t nextOf(std::size_t count) {
  readSchedule();
  switch (schedule) {
    case Schedule::kForward:
      return 0;
    case Schedule::kBackward:
      return count - 1;
    default:
      return randomNumbers() % count;
  }
}

void runGrid(const cudaLaunchConfig_t& configuration, const std::function<void()>& kernel) {
  readSchedule();
  const dim3 grid = configuration.gridDim;
  const dim3 size = configuration.blockDim;
  const unsigned long long blocks = 1ull * grid.x * grid.y * grid.z;
  std::vector<unsigned long long> order;
  for (unsigned long long i = 0; i < blocks; ++i) {
    const unsigned long long number = schedule == Schedule::kBackward ? blocks - 1 - i : i;
    if (!runsBlock || runsBlock(static_cast<unsigned>(number % grid.x), grid.x)) {
      order.push_back(number);
    }
  }
  if (schedule == Schedule::kRandom) std::shuffle(order.begin(), order.end(), randomNumbers);
  blocksLeftOut = static_cast<unsigned>(blocks - order.size());
  block.kernel = kernel;
  block.threads = size.x * size.y * size.z;
  for (const unsigned long long number : order) {
    block.alive = block.threads;
    block.atBarrier = 0;
    setIndices(configuration, number);
    forgetSharedMemory();
    runBlock();
  }
  __tsan_acquire(&block.endTag);
}

void syncThreads(Site site) {
  Fiber& fiber = currentFiber();
  __tsan_release(&block.tags->barrier);
  fiber.state = State::kAtBarrier;
  fiber.site = site;
  ++block.atBarrier;
  releaseBarrierIfComplete();
  switchToMain(fiber);
  __tsan_acquire(&block.tags->barrier);
}

unsigned long long warpOperation(WarpOperation operation, unsigned mask, int argument, int width,
                                 unsigned long long value, unsigned size, Site site) {
  Fiber& fiber = currentFiber();
  if (operation == WarpOperation::kSync) __tsan_release(&block.tags->warps[fiber.warp]);
  fiber.state = State::kInWarpOperation;
  fiber.operation = operation;
  fiber.mask = mask;
  fiber.argument = argument;
  fiber.width = width;
  fiber.size = size;
  fiber.input = value;
  fiber.site = site;
  if (!(mask >> fiber.lane & 1)) fail("the mask of a warp operation does not name its caller");
  if (width < 1 || width > 32 || (width & (width - 1)) != 0) {
    fail("the width of a shuffle is not a power of two up to 32");
  }
  block.waiting[fiber.warp] |= 1u << fiber.lane;
  releaseWarpIfComplete(fiber.warp);
  switchToMain(fiber);
  // A shuffle orders no memory, as CUDA's guide says; __syncwarp does.
  if (operation == WarpOperation::kSync) __tsan_acquire(&block.tags->warps[fiber.warp]);
  return fiber.output;
}

void threadFence() {
  Fiber& fiber = currentFiber();
  fiber.fenced = true;
  if (fiber.atomicPlace) __tsan_acquire(fiber.atomicPlace);
}

unsigned atomicIncrement(unsigned* address, unsigned limit) {
  Fiber& fiber = currentFiber();
  if (fiber.fenced) __tsan_release(address);
  fiber.atomicPlace = address;
  const unsigned before = *address + std::exchange(blocksLeftOut, 0u);
  *address = before >= limit ? 0 : before + 1;
  return before;
}

}  // namespace simt

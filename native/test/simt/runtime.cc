// The CPU in a GPU's place: a scheduler that runs the threads of a block as fibers, and as much of
// the CUDA runtime as the engine calls. Never compiled with a sanitizer: those shall see the
// kernels alone. It tells them about fibers where SIMT_ADDRESS_SANITIZER or SIMT_THREAD_SANITIZER
// is defined.
//
// NOTE [schedules]
// SIMT_SCHEDULE orders blocks of a grid, threads of a block and streams: `forward`, `backward` or
// `random:SEED`. A kernel that depends on an order gives other bits under one of them.
//
// NOTE [queued streams]
// Launches and asynchronous copies do not run when they are enqueued but when the host waits for
// them: a wait takes the next operation of a stream that the schedule chooses, until what it waits
// for is done. So host memory that is filled again too early, or read without a wait, gives wrong
// results here as it might on a GPU.
#include <cuda.h>
#include <sys/mman.h>

#include <algorithm>
#include <boost/context/detail/fcontext.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "simt/device.h"
#include "simt/neighbour.h"
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

// native/test/allocation_faults.h
int deviceAllocationsLeft = -1;

namespace simt {

Thread* currentThread;
std::vector<unsigned> launchedBlocks;
std::vector<std::size_t> copiedBytes;
int launchesLeft = -1;
std::function<bool(unsigned, unsigned)> runsBlock;
int freshByte = kFreshByte;

namespace {

constexpr unsigned kMostThreads = 1024;
constexpr unsigned kWarpSize = 32;
constexpr std::size_t kStackSize = 256 << 10;
constexpr std::size_t kPage = 4096;
constexpr int kErrorExitCode = 86;

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

void runGrid(const cudaLaunchConfig_t& configuration, const std::function<void()>& kernel) {
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

}  // namespace

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

// What the opaque handles of the CUDA runtime point to here.
struct CUevent_st {
  unsigned long long recorded = 0;
  unsigned long long done = 0;
  bool ofContext = false;
};
struct CUstream_st {
  struct Operation {
    std::function<void()> run;
    std::function<bool()> ready;  // null: at once
  };
  std::deque<Operation> operations;
  int device;
};

namespace simt {
namespace {

cudaError_t lastError = cudaSuccess;

thread_local int currentDevice = 0;

// Where the arrays lie that CUDA is asked for, one after the other and again from the beginning:
// SIMT_MEMORY_DEVICES, as in 0,1 (default 0); -1 is the host's memory.
const std::vector<int>& devicesOfMemory() {
  static const std::vector<int> devices = [] {
    std::vector<int> list;
    const char* const wanted = std::getenv("SIMT_MEMORY_DEVICES");
    std::istringstream text(wanted ? wanted : "0");
    for (std::string each; std::getline(text, each, ',');) list.push_back(std::stoi(each));
    return list;
  }();
  return devices;
}

// What the last question was answered with; negative where none was asked.
int deviceOfMemory = -1;

int nextDeviceOfMemory() {
  static std::size_t asked = 0;
  return deviceOfMemory = devicesOfMemory()[asked++ % devicesOfMemory().size()];
}

int deviceCount() {
  const std::vector<int>& devices = devicesOfMemory();
  return std::max(0, *std::max_element(devices.begin(), devices.end())) + 1;
}
std::vector<std::unique_ptr<CUstream_st>> streams;

cudaError_t failed(cudaError_t error) { return lastError = error; }

// The stream that the next operation is taken from; null where none has any.
CUstream_st* nextStream() {
  std::vector<CUstream_st*> candidates;
  for (const auto& stream : streams) {
    if (stream->operations.empty()) continue;
    const auto& ready = stream->operations.front().ready;
    if (!ready || ready()) candidates.push_back(stream.get());
  }
  if (candidates.empty()) return nullptr;
  switch (schedule) {
    case Schedule::kForward:
      return candidates.front();
    case Schedule::kBackward:
      return candidates.back();
    default:
      return candidates[randomNumbers() % candidates.size()];
  }
}

template <class Condition>
cudaError_t runUntil(const Condition& done) {
  readSchedule();
  while (!done()) {
    CUstream_st* const stream = nextStream();
    if (!stream) {
      std::fprintf(stderr, "SIMT error: the host waits for what was never enqueued\n");
      std::_Exit(kErrorExitCode);
    }
    const std::function<void()> operation = std::move(stream->operations.front().run);
    stream->operations.pop_front();
    void* const open = simtOpenMemory ? simtOpenMemory() : nullptr;
    operation();
    if (open) simtCloseMemory(open);
  }
  return cudaSuccess;
}

cudaError_t enqueue(cudaStream_t stream, std::function<void()> operation,
                    std::function<bool()> ready = nullptr) {
  const auto known = [&](const auto& each) { return each.get() == stream; };
  // The default stream is not modelled: the engine has its own.
  if (std::none_of(streams.begin(), streams.end(), known)) {
    return failed(cudaErrorInvalidResourceHandle);
  }
  stream->operations.push_back({std::move(operation), std::move(ready)});
  return cudaSuccess;
}

cudaError_t allocate(void** memory, std::size_t bytes) {
  if (deviceAllocationsLeft == 0) return failed(cudaErrorMemoryAllocation);
  if (deviceAllocationsLeft > 0) --deviceAllocationsLeft;
  if (posix_memalign(memory, 256, bytes)) return failed(cudaErrorMemoryAllocation);
  std::memset(*memory, freshByte, bytes);
  return cudaSuccess;
}

}  // namespace

cudaError_t enqueueLaunch(const cudaLaunchConfig_t& configuration, std::function<void()> kernel) {
  const dim3 grid = configuration.gridDim;
  const dim3 size = configuration.blockDim;
  const unsigned long long threads = 1ull * size.x * size.y * size.z;
  if (threads == 0 || threads > kMostThreads || size.z > 64 || grid.x == 0 || grid.x > 0x7fffffff ||
      grid.y == 0 || grid.y > 65535 || grid.z == 0 || grid.z > 65535) {
    return failed(cudaErrorInvalidConfiguration);
  }
  if (configuration.stream->device != currentDevice) return failed(cudaErrorInvalidResourceHandle);
  // The kernels of a GPU do not reach the memory of another one.
  if (deviceOfMemory >= 0 && deviceOfMemory != currentDevice) {
    return failed(cudaErrorIllegalAddress);
  }
  if (configuration.numAttrs != 0 || configuration.dynamicSmemBytes != 0) {
    return failed(cudaErrorNotSupported);
  }
  if (launchesLeft == 0) return failed(cudaErrorLaunchOutOfResources);
  if (launchesLeft > 0) --launchesLeft;
  launchedBlocks.push_back(grid.x);
  return enqueue(configuration.stream, [configuration, kernel] { runGrid(configuration, kernel); });
}

bool anythingWaits() {
  return std::any_of(streams.begin(), streams.end(),
                     [](const auto& stream) { return !stream->operations.empty(); });
}

namespace {

// What CUDA 12.5 added to the driver. SIMT_OLD_DRIVER is an older one.
CUresult getCurrentContext(CUcontext* context) {
  static char ofAll;
  *context = reinterpret_cast<CUcontext>(&ofAll);
  return CUDA_SUCCESS;
}

CUresult recordEventOfContext(CUcontext, CUevent event) {
  const unsigned long long number = ++event->recorded;
  event->ofContext = true;
  const auto left = std::make_shared<std::size_t>(1);
  const auto arrive = [=] {
    if (--*left == 0) event->done = number;
  };
  for (const auto& stream : streams) {
    if (stream->operations.empty()) continue;
    ++*left;
    stream->operations.push_back({arrive, nullptr});
  }
  arrive();
  return CUDA_SUCCESS;
}

}  // namespace
}  // namespace simt

extern "C" {

cudaError_t cudaMalloc(void** memory, std::size_t bytes) { return simt::allocate(memory, bytes); }
cudaError_t cudaMallocHost(void** memory, std::size_t bytes) {
  return simt::allocate(memory, bytes);
}
// Without the wait for the device that a real driver happens to do: nothing may rest on it.
cudaError_t cudaFree(void* memory) {
  std::free(memory);
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* memory) { return cudaFree(memory); }

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  if (kind == cudaMemcpyHostToDevice) simt::copiedBytes.push_back(bytes);
  return simt::enqueue(stream, [=] { std::memcpy(to, from, bytes); });
}

cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t stream) {
  return simt::enqueue(stream, [=] { std::memset(memory, value, bytes); });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  simt::streams.push_back(std::make_unique<CUstream_st>());
  *stream = simt::streams.back().get();
  (*stream)->device = simt::currentDevice;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return simt::runUntil([=] { return stream->operations.empty(); });
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  // Work that was enqueued is still done, as CUDA says.
  cudaStreamSynchronize(stream);
  const auto same = [&](const auto& each) { return each.get() == stream; };
  simt::streams.erase(std::find_if(simt::streams.begin(), simt::streams.end(), same));
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() {
  if (simtWaitForNeighbour) simtWaitForNeighbour();
  return simt::runUntil([] { return !simt::nextStream(); });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const unsigned long long number = ++event->recorded;
  return simt::enqueue(stream, [=] { event->done = number; });
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return simt::runUntil([=] { return event->done == event->recorded; });
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  // The neighbour's streams are threads of their own, which need no turn here.
  const auto wait = [=] {
    if (event->ofContext && simtWaitForNeighbour) simtWaitForNeighbour();
  };
  return simt::enqueue(stream, wait,
                       [=, number = event->recorded] { return event->done >= number; });
}
cudaError_t cudaGetDriverEntryPointByVersion(const char* symbol, void** function, unsigned,
                                             unsigned long long,
                                             cudaDriverEntryPointQueryResult* result) {
  const std::string name = symbol;
  *function = nullptr;
  if (name == "cuCtxGetCurrent") *function = reinterpret_cast<void*>(simt::getCurrentContext);
  if (name == "cuCtxRecordEvent" && !std::getenv("SIMT_OLD_DRIVER")) {
    *function = reinterpret_cast<void*>(simt::recordEventOfContext);
  }
  *result = *function ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  cudaEventSynchronize(event);
  delete event;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = simt::deviceCount();
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = simt::currentDevice;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= simt::deviceCount()) return simt::failed(cudaErrorInvalidDevice);
  simt::currentDevice = device;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device < 0 || device >= simt::deviceCount()) return simt::failed(cudaErrorInvalidDevice);
  *properties = {};
  std::snprintf(properties->name, sizeof properties->name, "SIMT on the CPU");
  properties->major = 9;
  properties->totalGlobalMem = std::size_t{1} << 30;
  return cudaSuccess;
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void*) {
  *attributes = {};
  attributes->device = simt::nextDeviceOfMemory();
  attributes->type = attributes->device < 0 ? cudaMemoryTypeUnregistered : cudaMemoryTypeDevice;
  return cudaSuccess;
}
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void*) {
  *attributes = {};
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaGetLastError() { return std::exchange(simt::lastError, cudaSuccess); }
const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidConfiguration:
      return "cudaErrorInvalidConfiguration";
    case cudaErrorInvalidDevice:
      return "cudaErrorInvalidDevice";
    case cudaErrorInvalidResourceHandle:
      return "cudaErrorInvalidResourceHandle";
    case cudaErrorIllegalAddress:
      return "cudaErrorIllegalAddress";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    default:
      return "another CUDA error";
  }
}
const char* cudaGetErrorString(cudaError_t error) { return cudaGetErrorName(error); }

}  // extern "C"

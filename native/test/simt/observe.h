// What tests see of the shim and ask of it beside what CUDA knows.
#ifndef TFJS_ALIG_TEST_SIMT_OBSERVE_H_
#define TFJS_ALIG_TEST_SIMT_OBSERVE_H_

#include <cstddef>
#include <functional>
#include <vector>

namespace simt {

// The number of blocks in x of each launch since a test cleared the list.
extern std::vector<unsigned> launchedBlocks;

// The bytes of each copy from the host since a test cleared the list.
extern std::vector<std::size_t> copiedBytes;

// How many launches succeed before one is refused; negative: all succeed.
extern int launchesLeft;

// Whether a block of a launch of so many blocks runs. Empty: all do. With it a test runs the blocks
// of an array that no machine could hold. Those that do not run count as the first ones to be done.
extern std::function<bool(unsigned block, unsigned blocks)> runsBlock;

// What memory of the device is filled with when it is allocated. NaN by default: zeros would hide a
// read of what was never written.
constexpr int kFreshByte = 0xff;
extern int freshByte;

// Whether anything is enqueued in any stream.
bool anythingWaits();

}  // namespace simt

#endif  // TFJS_ALIG_TEST_SIMT_OBSERVE_H_

// Another device in the process, fake_gpu/: the kernels of the shim work on its memory, which is
// closed at all other times, and a wait for the whole device waits for its streams too.
#ifndef TFJS_ALIG_TEST_SIMT_NEIGHBOUR_H_
#define TFJS_ALIG_TEST_SIMT_NEIGHBOUR_H_

// Null where there is none.
extern "C" {
__attribute__((weak)) void* simtOpenMemory();
__attribute__((weak)) void simtCloseMemory(void* open);
__attribute__((weak)) void simtWaitForNeighbour();
}

#endif  // TFJS_ALIG_TEST_SIMT_NEIGHBOUR_H_

// Lets the n-th allocation fail: of operator new, whose place allocation_faults.cc takes, and of
// the memory that the shim gives out as the GPU's.
#ifndef TFJS_ALIG_TEST_ALLOCATION_FAULTS_H_
#define TFJS_ALIG_TEST_ALLOCATION_FAULTS_H_

// clang's thread sanitizer has an operator new of its own, beside which no other is linked: no
// allocation of the host fails there.
#define TFJS_ALIG_HOST_ALLOCATIONS_FAIL 1
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef TFJS_ALIG_HOST_ALLOCATIONS_FAIL
#define TFJS_ALIG_HOST_ALLOCATIONS_FAIL 0
#endif
#endif

// How many allocations of each kind go well before one fails; negative: none fails. That of the
// host is of the calling thread.
extern thread_local int hostAllocationsLeft;
extern int deviceAllocationsLeft;  // simt/runtime.cc

#endif  // TFJS_ALIG_TEST_ALLOCATION_FAULTS_H_

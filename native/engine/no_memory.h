// What a step says where the system gives it no memory for its own lists.
#ifndef TFJS_ALIG_ENGINE_NO_MEMORY_H_
#define TFJS_ALIG_ENGINE_NO_MEMORY_H_

namespace tfjs_alig {

// In place of what std::bad_alloc says of itself. NOTE [nothing is half done] holds.
constexpr const char* kNoMemory =
    "the system has no memory left for the lists of a step; nothing was changed: dispose of "
    "arrays, "
    "tensors or models that are no longer needed (tf.tidy, tf.dispose)";

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_ENGINE_NO_MEMORY_H_

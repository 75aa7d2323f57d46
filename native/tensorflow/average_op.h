// The average of tensors over the ranks of MPI as a TensorFlow op.
#ifndef TFJS_ALIG_TENSORFLOW_AVERAGE_OP_H_
#define TFJS_ALIG_TENSORFLOW_AVERAGE_OP_H_

#include <string>

namespace tfjs_alig {

// Registers the op and its kernel for the CPU unless that was done already, and returns the op's
// name. Safe from several threads. Throws std::runtime_error with the reason where it can't be
// done.
std::string registerAverageOp();

// The same for the kernel on a GPU, as registerCudaStepOp.
std::string registerCudaAverageOp(const std::string& deviceType);

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_TENSORFLOW_AVERAGE_OP_H_

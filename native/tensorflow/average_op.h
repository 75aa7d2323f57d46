// The average of tensors over the ranks of MPI as a TensorFlow op.
#ifndef TFJS_ALIG_TENSORFLOW_AVERAGE_OP_H_
#define TFJS_ALIG_TENSORFLOW_AVERAGE_OP_H_

#include <string>

namespace tfjs_alig {

// As registerOnCpu and registerOnGpu say.
std::string registerAverageOp();
std::string registerCudaAverageOp(const std::string& deviceType);

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_TENSORFLOW_AVERAGE_OP_H_

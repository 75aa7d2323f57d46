// The engines as a TensorFlow op.
#ifndef TFJS_ALIG_TENSORFLOW_STEP_OP_H_
#define TFJS_ALIG_TENSORFLOW_STEP_OP_H_

#include <string>

namespace tfjs_alig {

// As registerOnCpu and registerOnGpu say.
std::string registerStepOp();
std::string registerCudaStepOp(const std::string& deviceType);

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_TENSORFLOW_STEP_OP_H_

// The engines as a TensorFlow op.
#ifndef TFJS_ALIG_TENSORFLOW_STEP_OP_H_
#define TFJS_ALIG_TENSORFLOW_STEP_OP_H_

#include <string>

namespace tfjs_alig {

// Registers the op and its kernel for the CPU unless that was done already, and returns the op's
// name. Safe from several threads. Throws std::runtime_error with the reason where it can't be
// done.
std::string registerStepOp();

// The same for the kernel that runs the CUDA engine, on the device type "GPU". "CPU" is for tests
// without a GPU, whose library runs on the CPU: an op of another name, with that kernel on
// TensorFlow's CPU device. Throws std::runtime_error also where there is no GPU.
std::string registerCudaStepOp(const std::string& deviceType);

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_TENSORFLOW_STEP_OP_H_

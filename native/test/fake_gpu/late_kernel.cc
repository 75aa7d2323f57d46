// The one op that runs on the fake GPU beside ours, "Neg": enqueued, and late, as kernels of a GPU
// are. TensorFlow runs all others on the CPU and copies.
#include <dlfcn.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "fake_gpu/stream.h"
#include "fake_gpu/stream_executor.h"
#include "tensorflow/c_api.h"

namespace fake_gpu {
namespace {

using tfjs_alig::tensorFlow;

// A function of TensorFlow's that the add-on has no use for.
template <class Function>
Function* lookUp(const char* name) {
  void* const function = dlsym(RTLD_DEFAULT, name);
  if (!function) throw std::runtime_error(std::string("TensorFlow has no function ") + name);
  return reinterpret_cast<Function*>(function);
}

void negate(void*, TF_OpKernelContext* context) {
  static auto* const getStream = lookUp<SP_Stream(TF_OpKernelContext*, TF_Status*)>("TF_GetStream");
  TF_Status* const status = tensorFlow().TF_NewStatus();
  TF_Tensor* input = nullptr;
  tensorFlow().TF_GetInput(context, 0, &input, status);
  std::vector<std::int64_t> shape;
  for (int i = 0; i < tensorFlow().TF_NumDims(input); ++i) {
    shape.push_back(tensorFlow().TF_Dim(input, i));
  }
  const std::size_t bytes = tensorFlow().TF_TensorByteSize(input);
  TF_Tensor* const output = tensorFlow().TF_AllocateOutput(
      context, 0, TF_FLOAT, shape.data(), static_cast<int>(shape.size()), bytes, status);
  const SP_Stream stream = getStream(context, status);
  if (tensorFlow().TF_GetCode(status) != TF_OK) {
    tensorFlow().TF_OpKernelContext_Failure(context, status);
  } else {
    const auto* const from = static_cast<const float*>(tensorFlow().TF_TensorData(input));
    auto* const to = static_cast<float*>(tensorFlow().TF_TensorData(output));
    // Without a reference to either tensor, as on a GPU.
    stream->enqueueLate([=] {
      for (std::size_t i = 0; i < bytes / sizeof(float); ++i) to[i] = -from[i];
    });
  }
  tensorFlow().TF_DeleteTensor(input);
  if (output) tensorFlow().TF_DeleteTensor(output);
  tensorFlow().TF_DeleteStatus(status);
}

void* create(TF_OpKernelConstruction*) { return nullptr; }
void destroy(void*) {}

}  // namespace
}  // namespace fake_gpu

// TensorFlow calls it when it has taken the device.
extern "C" void TF_InitKernel() {
  using fake_gpu::tensorFlow;
  TF_Status* const status = tensorFlow().TF_NewStatus();
  TF_KernelBuilder* const builder = tensorFlow().TF_NewKernelBuilder(
      "Neg", "GPU", fake_gpu::create, fake_gpu::negate, fake_gpu::destroy);
  fake_gpu::lookUp<void(TF_KernelBuilder*, const char*, TF_DataType, TF_Status*)>(
      "TF_KernelBuilder_TypeConstraint")(builder, "T", TF_FLOAT, status);
  tensorFlow().TF_RegisterKernelBuilder("FakeGpuNeg", builder, status);
  tensorFlow().TF_DeleteStatus(status);
}

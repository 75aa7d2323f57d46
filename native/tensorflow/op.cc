#include "tensorflow/op.h"

#include <mutex>
#include <set>
#include <sstream>
#include <utility>

#include "cpu/buffer_pool.h"
#include "cuda/session.h"

namespace tfjs_alig {
namespace {

void registerDefinition(const char* name, const OpDefinition& definition) {
  Status status;
  const TensorFlow& tf = tensorFlow();
  TF_OpDefinitionBuilder* const op = tf.TF_NewOpDefinitionBuilder(name);
  for (const char* attribute : definition.attributes)
    tf.TF_OpDefinitionBuilderAddAttr(op, attribute);
  for (const char* input : definition.inputs) tf.TF_OpDefinitionBuilderAddInput(op, input);
  for (const char* output : definition.outputs) tf.TF_OpDefinitionBuilderAddOutput(op, output);
  // It writes state in place or exchanges messages, so that it must not be folded or repeated.
  tf.TF_OpDefinitionBuilderSetIsStateful(op, true);
  tf.TF_RegisterOpDefinition(op, status);
  status.check("TF_RegisterOpDefinition");
}

void registerKernel(const char* name, const OpDefinition& definition, const std::string& deviceType,
                    const OpKernel& kernel) {
  Status status;
  const TensorFlow& tf = tensorFlow();
  TF_KernelBuilder* const builder = tf.TF_NewKernelBuilder(name, deviceType.c_str(), kernel.create,
                                                           kernel.compute, kernel.destroy);
  if (deviceType == "GPU") {
    for (const char* each : definition.hostMemory) tf.TF_KernelBuilder_HostMemory(builder, each);
  }
  tf.TF_RegisterKernelBuilder(name, builder, status);
  status.check("TF_RegisterKernelBuilder");
}

void registerOnce(const std::string& name, const OpDefinition& definition,
                  const std::string& deviceType, const OpKernel& kernel) {
  static std::mutex mutex;
  static std::set<std::string> ops;
  static std::set<std::pair<std::string, std::string>> kernels;
  const std::lock_guard<std::mutex> lock(mutex);
  if (ops.count(name) == 0) registerDefinition(name.c_str(), definition);
  ops.insert(name);
  const std::pair<std::string, std::string> place{name, deviceType};
  if (kernels.count(place) == 0) registerKernel(name.c_str(), definition, deviceType, kernel);
  kernels.insert(place);
}

}  // namespace

std::vector<std::int64_t> shapeOf(const TF_Tensor* tensor) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(tensorFlow().TF_NumDims(tensor)));
  for (std::size_t i = 0; i < shape.size(); ++i) {
    shape[i] = tensorFlow().TF_Dim(tensor, static_cast<int>(i));
  }
  return shape;
}

TensorPointer pooledLike(const TF_Tensor* tensor) {
  const std::vector<std::int64_t> shape = shapeOf(tensor);
  const std::size_t bytes = tensorFlow().TF_TensorByteSize(tensor);
  const auto giveBack = [](void* data, std::size_t size, void*) {
    BufferPool::instance().release(data, size);
  };
  return TensorPointer(
      tensorFlow().TF_NewTensor(TF_FLOAT, shape.data(), static_cast<int>(shape.size()),
                                BufferPool::instance().take(bytes), bytes, giveBack, nullptr));
}

TensorPointer inputOf(TF_OpKernelContext* context, std::size_t index) {
  Status status;
  TF_Tensor* tensor = nullptr;
  tensorFlow().TF_GetInput(context, static_cast<int>(index), &tensor, status);
  status.check("TF_GetInput");
  return TensorPointer(tensor);
}

void Outputs::set(std::size_t index, const TF_Tensor* tensor) {
  tensorFlow().TF_SetOutput(context_, static_cast<int>(index), tensor, status_);
  status_.check("TF_SetOutput");
}

TensorPointer Outputs::allocate(std::size_t index, TF_DataType type,
                                const std::vector<std::int64_t>& shape, std::size_t bytes) {
  TensorPointer output(tensorFlow().TF_AllocateOutput(context_, static_cast<int>(index), type,
                                                      shape.data(), static_cast<int>(shape.size()),
                                                      bytes, status_));
  status_.check("TF_AllocateOutput");
  return output;
}

TensorPointer Outputs::allocateLike(std::size_t index, const TF_Tensor* tensor) {
  return allocate(index, TF_FLOAT, shapeOf(tensor), tensorFlow().TF_TensorByteSize(tensor));
}

std::int32_t attributeOf(TF_OpKernelConstruction* construction, const char* name) {
  Status status;
  std::int32_t value = 0;
  tensorFlow().TF_OpKernelConstruction_GetAttrInt32(construction, name, &value, status);
  status.check(name);
  return value;
}

std::string nameOfThisCopy(const char* kind) {
  static const char ours = 0;
  std::ostringstream text;
  text << "TfjsAlig" << kind << "At" << std::hex << reinterpret_cast<std::uintptr_t>(&ours);
  return text.str();
}

std::string registerOnCpu(const OpOnDevices& op) {
  registerOnce(op.name, op.definition, "CPU", op.onCpu);
  return op.name;
}

std::string registerOnGpu(const OpOnDevices& op, const std::string& deviceType) {
  CudaSession::instance();
  if (deviceType == "CPU") {
    const std::string name = op.name + "CudaOnCpu";
    registerOnce(name, op.definition, deviceType, op.onGpu);
    return name;
  }
  // With the kernel for the CPU, so that tensors that were put there are served as well.
  registerOnCpu(op);
  registerOnce(op.name, op.definition, deviceType, op.onGpu);
  return op.name;
}

}  // namespace tfjs_alig

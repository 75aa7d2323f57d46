// The functions of TensorFlow's C API that the op needs, looked up in the library that tfjs-node
// has loaded: the add-on is compiled without TensorFlow's headers and not linked against it.
// Declarations follow tensorflow/c/{ops,kernels,tf_tensor,tf_status}.h, which are the same in the
// 2.9 that tfjs-node downloads and in 2.21.
#ifndef TFJS_ALIG_TENSORFLOW_C_API_H_
#define TFJS_ALIG_TENSORFLOW_C_API_H_

#include <cstddef>
#include <cstdint>

struct TF_KernelBuilder;
struct TF_OpDefinitionBuilder;
struct TF_OpKernelConstruction;
struct TF_OpKernelContext;
struct TF_Status;
struct TF_Tensor;
enum TF_Code { TF_OK = 0, TF_INTERNAL = 13 };
enum TF_DataType { TF_FLOAT = 1, TF_INT32 = 3 };

namespace tfjs_alig {

// Name, result and parameters of each function.
#define TFJS_ALIG_TENSORFLOW_FUNCTIONS(X)                                                       \
  X(TF_NewStatus, TF_Status*, ())                                                               \
  X(TF_DeleteStatus, void, (TF_Status*))                                                        \
  X(TF_SetStatus, void, (TF_Status*, TF_Code, const char*))                                     \
  X(TF_GetCode, TF_Code, (const TF_Status*))                                                    \
  X(TF_Message, const char*, (const TF_Status*))                                                \
  X(TF_NewOpDefinitionBuilder, TF_OpDefinitionBuilder*, (const char*))                          \
  X(TF_OpDefinitionBuilderAddAttr, void, (TF_OpDefinitionBuilder*, const char*))                \
  X(TF_OpDefinitionBuilderAddInput, void, (TF_OpDefinitionBuilder*, const char*))               \
  X(TF_OpDefinitionBuilderAddOutput, void, (TF_OpDefinitionBuilder*, const char*))              \
  X(TF_OpDefinitionBuilderSetIsStateful, void, (TF_OpDefinitionBuilder*, bool))                 \
  X(TF_RegisterOpDefinition, void, (TF_OpDefinitionBuilder*, TF_Status*))                       \
  X(TF_NewKernelBuilder, TF_KernelBuilder*,                                                     \
    (const char*, const char*, void* (*)(TF_OpKernelConstruction*),                             \
     void (*)(void*, TF_OpKernelContext*), void (*)(void*)))                                    \
  X(TF_KernelBuilder_HostMemory, void, (TF_KernelBuilder*, const char*))                        \
  X(TF_RegisterKernelBuilder, void, (const char*, TF_KernelBuilder*, TF_Status*))               \
  X(TF_OpKernelConstruction_GetAttrInt32, void,                                                 \
    (TF_OpKernelConstruction*, const char*, std::int32_t*, TF_Status*))                         \
  X(TF_OpKernelConstruction_Failure, void, (TF_OpKernelConstruction*, TF_Status*))              \
  X(TF_OpKernelContext_Failure, void, (TF_OpKernelContext*, TF_Status*))                        \
  X(TF_GetInput, void, (TF_OpKernelContext*, int, TF_Tensor**, TF_Status*))                     \
  X(TF_SetOutput, void, (TF_OpKernelContext*, int, const TF_Tensor*, TF_Status*))               \
  X(TF_AllocateOutput, TF_Tensor*,                                                              \
    (TF_OpKernelContext*, int, TF_DataType, const std::int64_t*, int, std::size_t, TF_Status*)) \
  X(TF_NewTensor, TF_Tensor*,                                                                   \
    (TF_DataType, const std::int64_t*, int, void*, std::size_t,                                 \
     void (*)(void*, std::size_t, void*), void*))                                               \
  X(TF_DeleteTensor, void, (TF_Tensor*))                                                        \
  X(TF_TensorData, void*, (const TF_Tensor*))                                                   \
  X(TF_TensorByteSize, std::size_t, (const TF_Tensor*))                                         \
  X(TF_NumDims, int, (const TF_Tensor*))                                                        \
  X(TF_Dim, std::int64_t, (const TF_Tensor*, int))

struct TensorFlow {
#define TFJS_ALIG_MEMBER(name, result, parameters) result(*name) parameters;
  TFJS_ALIG_TENSORFLOW_FUNCTIONS(TFJS_ALIG_MEMBER)
#undef TFJS_ALIG_MEMBER
};

// Throws std::runtime_error where TensorFlow is not loaded in this process or lacks a function.
const TensorFlow& tensorFlow();

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_TENSORFLOW_C_API_H_

#include "tensorflow/step_op.h"

#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cpu/engine.h"
#include "tensorflow/buffer_pool.h"
#include "tensorflow/c_api.h"

namespace tfjs_alig {
namespace {

// The op's name, which is this copy's alone: the registry belongs to the process, other copies of
// the package (of another version, or the same one twice) may be loaded in it, and to register a
// name a second time ends the process. No lock of ours holds another copy off, so that asking the
// registry first would not do: its worker thread may register between the answer and our turn.
const std::string& opName() {
  static const char ours = 0;
  static const std::string name = [] {
    std::ostringstream text;
    text << "TfjsAligStepAt" << std::hex << reinterpret_cast<std::uintptr_t>(&ours);
    return text.str();
  }();
  return name;
}

// Attributes are part of TensorFlow's kernel cache key, so that only what stays the same from step
// to step is one; hyper-parameters come in as an input.
constexpr const char* kAttributes[] = {
    "parameter_count: int >= 0", "gradient_count: int >= 0",
    "velocity_count: int >= 0",      // 0 without momentum, else parameter_count
    "new_velocity_count: int >= 0",  // 0: velocities are written in place, else velocity_count
};
constexpr const char* kInputs[] = {
    "parameters: parameter_count * float",
    "gradients: gradient_count * float",
    "velocities: velocity_count * float",
    "gradient_positions: int32",  // which parameter each gradient belongs to, ascending
    "loss: float",
    "settings: float",  // AliG::Settings, then the radius of the L2 ball
};
constexpr const char* kOutputs[] = {
    "new_parameters: parameter_count * float",
    "new_velocities: new_velocity_count * float",
    "report: float",
};

struct TensorDeleter {
  void operator()(TF_Tensor* tensor) const { tensorFlow().TF_DeleteTensor(tensor); }
};
using TensorPointer = std::unique_ptr<TF_Tensor, TensorDeleter>;

class Status {
 public:
  Status() : status_(tensorFlow().TF_NewStatus()) {}
  ~Status() { tensorFlow().TF_DeleteStatus(status_); }
  Status(const Status&) = delete;
  Status& operator=(const Status&) = delete;

  operator TF_Status*() { return status_; }
  void check(const char* what) const {
    if (tensorFlow().TF_GetCode(status_) != TF_OK) {
      throw std::runtime_error(std::string(what) + ": " + tensorFlow().TF_Message(status_));
    }
  }
  void set(const char* message) { tensorFlow().TF_SetStatus(status_, TF_INTERNAL, message); }

 private:
  TF_Status* status_;
};

struct Counts {
  std::int32_t parameters;
  std::int32_t gradients;
  std::int32_t velocities;
  std::int32_t newVelocities;
};

// One run of the op's kernel.
class StepKernel {
 public:
  StepKernel(const Counts& counts, TF_OpKernelContext* context)
      : counts_(counts), context_(context) {}

  void run() {
    std::vector<StepTensor> tensors(static_cast<std::size_t>(counts_.parameters));
    inputs_.reserve(tensors.size() * 3 + 3);
    for (StepTensor& tensor : tensors) {
      TF_Tensor* const parameter = nextInput();
      tensor.size = tensorFlow().TF_TensorByteSize(parameter) / sizeof(float);
      tensor.parameter = floats(parameter);
    }
    std::vector<const float*> gradients;
    gradients.reserve(static_cast<std::size_t>(counts_.gradients));
    for (std::int32_t i = 0; i < counts_.gradients; ++i) gradients.push_back(floats(nextInput()));
    for (std::int32_t i = 0; i < counts_.velocities; ++i) {
      float* const velocity = floats(nextInput());
      tensors[static_cast<std::size_t>(i)].velocity = velocity;
      tensors[static_cast<std::size_t>(i)].newVelocity = velocity;
    }
    const auto* positions =
        static_cast<const std::int32_t*>(tensorFlow().TF_TensorData(nextInput()));
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      tensors[static_cast<std::size_t>(positions[i])].gradient = gradients[i];
    }
    const float loss = *floats(nextInput());
    const float* const settings = floats(nextInput());
    AliG::Settings alig;
    std::memcpy(&alig, settings, sizeof alig);
    const L2Ball ball{settings[AliG::kSettings]};

    std::vector<TensorPointer> newParameters(tensors.size());
    std::vector<TensorPointer> newVelocities(static_cast<std::size_t>(counts_.newVelocities));
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (tensors[i].size == 0) continue;
      if (tensors[i].gradient) {
        newParameters[i] = pooledLike(parameterInput(i));
        tensors[i].newParameter = floats(newParameters[i].get());
      }
      if (!newVelocities.empty()) {
        newVelocities[i] = pooledLike(parameterInput(i));
        tensors[i].newVelocity = floats(newVelocities[i].get());
        if (!tensors[i].gradient) {
          std::memcpy(tensors[i].newVelocity, tensors[i].velocity, tensors[i].size * sizeof(float));
        }
      }
    }

    const bool stepWanted = counts_.gradients > 0;
    CpuStep step(std::move(tensors), loss, alig, ball);
    bool written = true;
    if (stepWanted) {
      written = step.update();
    } else {
      step.measureParameters();
    }
    if (step.projects()) {
      for (std::size_t i = 0; i < newParameters.size(); ++i) {
        StepTensor& tensor = step.tensor(i);
        if (tensor.gradient || tensor.size == 0) continue;
        newParameters[i] = pooledLike(parameterInput(i));
        tensor.newParameter = floats(newParameters[i].get());
      }
      step.project();
    }

    // What was not written goes on as it is: the output shares the input's buffer.
    for (std::size_t i = 0; i < newParameters.size(); ++i) {
      setOutput(i, written && newParameters[i] ? newParameters[i].get() : parameterInput(i));
    }
    for (std::size_t i = 0; i < newVelocities.size(); ++i) {
      setOutput(newParameters.size() + i,
                written && newVelocities[i] ? newVelocities[i].get() : velocityInput(i));
    }
    setReport(newParameters.size() + newVelocities.size(), step.report());
  }

 private:
  static float* floats(const TF_Tensor* tensor) {
    return static_cast<float*>(tensorFlow().TF_TensorData(tensor));
  }

  TF_Tensor* nextInput() {
    TF_Tensor* tensor = nullptr;
    tensorFlow().TF_GetInput(context_, static_cast<int>(inputs_.size()), &tensor, status_);
    status_.check("TF_GetInput");
    inputs_.emplace_back(tensor);
    return tensor;
  }

  TF_Tensor* parameterInput(std::size_t index) const { return inputs_[index].get(); }

  TF_Tensor* velocityInput(std::size_t index) const {
    return inputs_[static_cast<std::size_t>(counts_.parameters + counts_.gradients) + index].get();
  }

  // A tensor of the same shape over a buffer of the pool.
  static TensorPointer pooledLike(const TF_Tensor* tensor) {
    std::vector<std::int64_t> shape(static_cast<std::size_t>(tensorFlow().TF_NumDims(tensor)));
    for (std::size_t i = 0; i < shape.size(); ++i) {
      shape[i] = tensorFlow().TF_Dim(tensor, static_cast<int>(i));
    }
    const std::size_t bytes = tensorFlow().TF_TensorByteSize(tensor);
    const auto giveBack = [](void* data, std::size_t, void*) {
      BufferPool::instance().release(data);
    };
    return TensorPointer(
        tensorFlow().TF_NewTensor(TF_FLOAT, shape.data(), static_cast<int>(shape.size()),
                                  BufferPool::instance().take(bytes), bytes, giveBack, nullptr));
  }

  void setOutput(std::size_t index, const TF_Tensor* tensor) {
    tensorFlow().TF_SetOutput(context_, static_cast<int>(index), tensor, status_);
    status_.check("TF_SetOutput");
  }

  void setReport(std::size_t index, const StepReport& report) {
    const std::int64_t length = kReportFields;
    const TensorPointer output(tensorFlow().TF_AllocateOutput(
        context_, static_cast<int>(index), TF_FLOAT, &length, 1, sizeof report, status_));
    status_.check("TF_AllocateOutput");
    std::memcpy(tensorFlow().TF_TensorData(output.get()), &report, sizeof report);
  }

  const Counts& counts_;
  TF_OpKernelContext* context_;
  Status status_;
  std::vector<TensorPointer> inputs_;
};

void* createKernel(TF_OpKernelConstruction* construction) {
  Status status;
  try {
    auto counts = std::make_unique<Counts>();
    const auto read = [&](const char* name, std::int32_t* value) {
      tensorFlow().TF_OpKernelConstruction_GetAttrInt32(construction, name, value, status);
      status.check(name);
    };
    read("parameter_count", &counts->parameters);
    read("gradient_count", &counts->gradients);
    read("velocity_count", &counts->velocities);
    read("new_velocity_count", &counts->newVelocities);
    return counts.release();
  } catch (const std::exception& error) {
    status.set(error.what());
    tensorFlow().TF_OpKernelConstruction_Failure(construction, status);
    return nullptr;
  }
}

void computeKernel(void* kernel, TF_OpKernelContext* context) {
  try {
    StepKernel(*static_cast<const Counts*>(kernel), context).run();
  } catch (const std::exception& error) {
    Status status;
    status.set(error.what());
    tensorFlow().TF_OpKernelContext_Failure(context, status);
  }
}

void deleteKernel(void* kernel) { delete static_cast<Counts*>(kernel); }

}  // namespace

std::string registerStepOp() {
  static std::mutex mutex;
  static bool registered = false;
  const std::lock_guard<std::mutex> lock(mutex);
  if (registered) return opName();
  const TensorFlow& tf = tensorFlow();
  const char* const name = opName().c_str();
  Status status;
  TF_OpDefinitionBuilder* const op = tf.TF_NewOpDefinitionBuilder(name);
  for (const char* attribute : kAttributes) tf.TF_OpDefinitionBuilderAddAttr(op, attribute);
  for (const char* input : kInputs) tf.TF_OpDefinitionBuilderAddInput(op, input);
  for (const char* output : kOutputs) tf.TF_OpDefinitionBuilderAddOutput(op, output);
  // Velocities may be written in place, so that the op must not be folded or repeated.
  tf.TF_OpDefinitionBuilderSetIsStateful(op, true);
  tf.TF_RegisterOpDefinition(op, status);
  status.check("TF_RegisterOpDefinition");
  tf.TF_RegisterKernelBuilder(
      name, tf.TF_NewKernelBuilder(name, "CPU", createKernel, computeKernel, deleteKernel), status);
  status.check("TF_RegisterKernelBuilder");
  registered = true;
  return opName();
}

}  // namespace tfjs_alig

#include "tensorflow/step_op.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cpu/engine.h"
#include "cpu/floating_point.h"
#include "cuda/session.h"
#include "mpi/rank_shards.h"
#include "tensorflow/op.h"

namespace tfjs_alig {
namespace {

// Those that are not lists.
constexpr std::size_t kOtherInputs = 5;

// Attributes are part of TensorFlow's kernel cache key, so that only what stays the same from step
// to step is one; hyper-parameters come in as an input.
const OpDefinition& definition() {
  static const OpDefinition definition = {
      {
          "parameter_count: int >= 0", "gradient_count: int >= 0",
          "state_count: int >= 0",      // parameter_count times the arrays of state of the rule
          "new_state_count: int >= 0",  // 0: state is written in place, else state_count
      },
      {
          "parameters: parameter_count * float",
          "gradients: gradient_count * float",
          "state: state_count * float",  // each parameter's arrays, one parameter after the other
          "gradient_positions: int32",   // which parameter each gradient belongs to, ascending
          "groups: int32",               // the group of each parameter; empty: all of the first
          // How the ranks share the state: mpi/rank_shards.h. Empty: they do not.
          "shards: int32",
          "loss: float",
          // The bits of engine/step_input.h. As int32, because tfjs-node leaves those in host
          // memory, where the GPU's kernel needs them, and moves floats to the GPU.
          "input: int32",
      },
      {
          "new_parameters: parameter_count * float", "new_state: new_state_count * float",
          "result: int32",  // the bits of StepResult
      },
      // What the kernel on a GPU reads or writes on the host. All else stays where it is.
      {"gradient_positions", "groups", "shards", "input", "result"},
  };
  return definition;
}

struct Counts {
  std::int32_t parameters;
  std::int32_t gradients;
  std::int32_t state;
  std::int32_t newState;
};

// What a run of the op's kernel was given, on any device.
class StepInputs {
 public:
  // Throws std::invalid_argument for what would be read or written outside of a tensor's buffer:
  // JavaScript has checked the shapes, but those are plain lists, which a program can change.
  StepInputs(const Counts& counts, TF_OpKernelContext* context)
      : counts_(counts), context_(context) {
    tensors.resize(static_cast<std::size_t>(counts_.parameters));
    inputs_.reserve(
        static_cast<std::size_t>(counts_.parameters + counts_.gradients + counts_.state) +
        kOtherInputs);
    for (StepTensor& tensor : tensors) {
      const TF_Tensor* const parameter = next();
      tensor.size = tensorFlow().TF_TensorByteSize(parameter) / sizeof(float);
      tensor.parameter = floats(parameter);
    }
    std::vector<const TF_Tensor*> gradients;
    gradients.reserve(static_cast<std::size_t>(counts_.gradients));
    for (std::int32_t i = 0; i < counts_.gradients; ++i) gradients.push_back(next());
    const std::size_t stateOfEach =
        tensors.empty() ? 0 : static_cast<std::size_t>(counts_.state) / tensors.size();
    if (stateOfEach > kMostStates || stateOfEach * tensors.size() != stateCount() ||
        (counts_.newState != 0 && counts_.newState != counts_.state)) {
      throw std::invalid_argument("a step of " + std::to_string(tensors.size()) +
                                  " parameters was given " + std::to_string(counts_.state) +
                                  " arrays of state, and is to make " +
                                  std::to_string(counts_.newState));
    }
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      for (std::size_t k = 0; k < stateOfEach; ++k) {
        const TF_Tensor* const state = next();
        tensors[i].newState[k] = floats(state);
        tensors[i].state[k] = tensors[i].newState[k];
      }
    }
    const TF_Tensor* const positions = next();
    checkCount("gradient_positions", positions, gradients.size());
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      const auto position = static_cast<std::size_t>(words(positions)[i]);
      if (position >= tensors.size()) {
        throw std::invalid_argument("there is no parameter " + std::to_string(words(positions)[i]));
      }
      checkSize("the gradient", gradients[i], position, tensors[position].size);
      tensors[position].gradient = floats(gradients[i]);
    }
    const TF_Tensor* const groups = next();
    if (wordCount(groups) > 0) {
      checkCount("groups", groups, tensors.size());
      for (std::size_t i = 0; i < tensors.size(); ++i) {
        tensors[i].group = static_cast<std::uint32_t>(words(groups)[i]);
      }
    }
    const TF_Tensor* const shardWords = next();
    if (wordCount(shardWords) > 0) {
      shards.emplace(words(shardWords), wordCount(shardWords), tensors.size());
    }
    for (std::size_t i = 0; i < stateCount(); ++i) {
      const std::size_t index = i / stateOfEach;
      const std::size_t size = tensors[index].size;
      checkSize("an array of state", state(i), index,
                shards ? shards->of(index, size).size() : size);
    }
    const TF_Tensor* const lossTensor = next();
    checkCount("loss", lossTensor, 1);
    loss = floats(lossTensor);
    const TF_Tensor* const input = next();
    inputWords = wordCount(input);
    inputData = words(input);
    stepInput = readStepInput(inputData, inputWords);
    if (static_cast<std::size_t>(stepInput.rule->states) != stateOfEach && !tensors.empty() &&
        counts_.gradients > 0) {
      throw std::invalid_argument(std::string("rule '") + stepInput.rule->name + "' has " +
                                  std::to_string(stepInput.rule->states) +
                                  " arrays of state a parameter, not " +
                                  std::to_string(stateOfEach));
    }
  }

  std::size_t stateCount() const { return static_cast<std::size_t>(counts_.state); }
  const TF_Tensor* parameter(std::size_t index) const { return inputs_[index].get(); }
  const TF_Tensor* state(std::size_t index) const {
    return inputs_[static_cast<std::size_t>(counts_.parameters + counts_.gradients) + index].get();
  }

  std::vector<StepTensor> tensors;   // new values in place; gradients null where there are none
  std::optional<RankShards> shards;  // the state is that of this rank's
  const float* loss;                 // on the kernel's device
  const std::int32_t* inputData;     // on the host
  std::size_t inputWords;
  StepInput stepInput;

 private:
  static void checkSize(const char* what, const TF_Tensor* tensor, std::size_t index,
                        std::size_t size) {
    const std::size_t wanted = size * sizeof(float);
    const std::size_t bytes = tensorFlow().TF_TensorByteSize(tensor);
    if (bytes == wanted) return;
    throw std::invalid_argument(
        std::string(what) + " of parameter " + std::to_string(index) + " has " +
        std::to_string(bytes) + " bytes instead of " + std::to_string(wanted) +
        "; a tensor's shape must not be written to: tf.reshape makes a tensor of another shape");
  }

  static void checkCount(const char* name, const TF_Tensor* tensor, std::size_t wanted) {
    if (wordCount(tensor) == wanted) return;
    throw std::invalid_argument(std::string(name) + " has " + std::to_string(wordCount(tensor)) +
                                " entries instead of " + std::to_string(wanted));
  }

  const TF_Tensor* next() {
    TF_Tensor* tensor = nullptr;
    tensorFlow().TF_GetInput(context_, static_cast<int>(inputs_.size()), &tensor, status_);
    status_.check("TF_GetInput");
    inputs_.emplace_back(tensor);
    return tensor;
  }

  const Counts& counts_;
  TF_OpKernelContext* context_;
  Status status_;
  std::vector<TensorPointer> inputs_;
};

TensorPointer allocateResult(Outputs& outputs, std::size_t index) {
  return outputs.allocate(index, TF_INT32, {kResultWords}, sizeof(StepResult));
}

void writeResult(const TF_Tensor* output, const StepResult& result) {
  std::memcpy(tensorFlow().TF_TensorData(output), &result, sizeof result);
}

// One run of the kernel on the CPU. NOTE [nothing is half done]: what it makes and hands over is
// made and handed over before update(), but for the projection of parameters without gradient.
void runOnCpu(const Counts& counts, TF_OpKernelContext* context) {
  StepInputs inputs(counts, context);
  Outputs outputs(context);
  std::vector<StepTensor>& tensors = inputs.tensors;
  const auto newStateCount = static_cast<std::size_t>(counts.newState);
  const std::size_t newStateOfEach = tensors.empty() ? 0 : newStateCount / tensors.size();
  const bool mayProject = std::isfinite(inputs.stepInput.header.ball.radius);
  const TensorPointer result = allocateResult(outputs, tensors.size() + newStateCount);
  std::vector<TensorPointer> newParameters(tensors.size());
  std::vector<TensorPointer> newState(newStateCount);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].size == 0) continue;
    if (tensors[i].gradient || mayProject) {
      newParameters[i] = pooledLike(inputs.parameter(i));
      tensors[i].newParameter = floats(newParameters[i].get());
    }
    for (std::size_t k = 0; k < newStateOfEach; ++k) {
      TensorPointer& state = newState[i * newStateOfEach + k];
      const TF_Tensor* const given = inputs.state(i * newStateOfEach + k);
      state = pooledLike(given);
      tensors[i].newState[k] = floats(state.get());
      if (!tensors[i].gradient) {
        std::memcpy(tensors[i].newState[k], tensors[i].state[k],
                    tensorFlow().TF_TensorByteSize(given));
      }
    }
  }

  const bool stepWanted = counts.gradients > 0;
  std::vector<bool> hasGradient;
  for (const StepTensor& tensor : tensors) hasGradient.push_back(tensor.gradient != nullptr);
  RankShards* const shards = inputs.shards ? &*inputs.shards : nullptr;
  CpuStep step(shards ? shards->cut(tensors) : std::move(tensors), *inputs.loss, inputs.stepInput,
               shards);
  bool written = true;
  if (stepWanted) {
    written = step.decide();
  } else {
    step.measureParameters();
  }
  // What is not written goes on as it is: the output shares the input's buffer.
  const auto setParameter = [&](std::size_t i, bool isNew) {
    outputs.set(i, isNew ? newParameters[i].get() : inputs.parameter(i));
  };
  for (std::size_t i = 0; i < newParameters.size(); ++i) {
    if (hasGradient[i] || !mayProject) setParameter(i, written && newParameters[i]);
  }
  for (std::size_t i = 0; i < newState.size(); ++i) {
    outputs.set(newParameters.size() + i,
                written && newState[i] ? newState[i].get() : inputs.state(i));
  }

  if (stepWanted && written) step.update();
  if (step.projects()) step.project();
  if (shards && written) shards->gather(step.projects());
  writeResult(result.get(), step.result());
  for (std::size_t i = 0; i < newParameters.size(); ++i) {
    if (!hasGradient[i] && mayProject) setParameter(i, step.projects() && newParameters[i]);
  }
}

// NOTE [nothing moves over PCIe]
// On a GPU the pointers to parameters, gradients, state and the loss are device pointers, of
// TensorFlow's inputs and of the outputs that it allocates on the same device, and only the engine
// looks at what they point to. Over the bus go the list of tensors (96 bytes each), the step's
// input and launches on the way there and the result (64 bytes) on the way back.
//
// One run of the kernel on a GPU.
void runOnGpu(const Counts& counts, TF_OpKernelContext* context) {
  // For the simulated GPU, whose kernels run on this thread: NOTE [denormals].
  const IeeeArithmetic ieee;
  StepInputs inputs(counts, context);
  if (inputs.shards) throw std::invalid_argument("a GPU's step takes no shards of ranks");
  Outputs outputs(context);
  std::vector<StepTensor>& tensors = inputs.tensors;
  const auto newStateCount = static_cast<std::size_t>(counts.newState);
  const std::size_t newStateOfEach = tensors.empty() ? 0 : newStateCount / tensors.size();
  const bool mayProject = std::isfinite(inputs.stepInput.header.ball.radius);
  // Held to the end: they are the memory that the step writes.
  std::vector<TensorPointer> allocated;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    StepTensor& tensor = tensors[i];
    // An empty tensor's address may be null, which says that there is no gradient.
    static const float kEmptyGradient = 0.0f;
    if (tensor.size == 0 && counts.gradients > 0) tensor.gradient = &kEmptyGradient;
    tensor.newParameter = nullptr;
    if (tensor.gradient || mayProject) {
      // TensorFlow's allocator is the pool here: NOTE [buffer ownership] asks for memory that no
      // other tensor has, and TF_AllocateOutput never hands on that of an input.
      allocated.push_back(outputs.allocateLike(i, inputs.parameter(i)));
      tensor.newParameter = floats(allocated.back().get());
    } else {
      outputs.set(i, inputs.parameter(i));
    }
    for (std::size_t k = 0; k < newStateOfEach; ++k) {
      const std::size_t index = i * newStateOfEach + k;
      allocated.push_back(outputs.allocateLike(tensors.size() + index, inputs.state(index)));
      tensor.newState[k] = floats(allocated.back().get());
    }
  }
  const TensorPointer result = allocateResult(outputs, tensors.size() + newStateCount);
  const CudaStep step = {tensors, inputs.loss, 0.0f, inputs.inputData, inputs.inputWords};
  writeResult(result.get(), CudaSession::ofStep(step).stepInTensorFlow(step));
}

void* createKernel(TF_OpKernelConstruction* construction) {
  return createReporting(construction, [&] {
    auto counts = std::make_unique<Counts>();
    counts->parameters = attributeOf(construction, "parameter_count");
    counts->gradients = attributeOf(construction, "gradient_count");
    counts->state = attributeOf(construction, "state_count");
    counts->newState = attributeOf(construction, "new_state_count");
    return counts.release();
  });
}

const OpOnDevices& op() {
  static const OpOnDevices op = {nameOfThisCopy("Step"), definition(),
                                 kernelOf<Counts, runOnCpu>(createKernel),
                                 kernelOf<Counts, runOnGpu>(createKernel)};
  return op;
}

}  // namespace

std::string registerStepOp() { return registerOnCpu(op()); }

std::string registerCudaStepOp(const std::string& deviceType) {
  return registerOnGpu(op(), deviceType);
}

}  // namespace tfjs_alig

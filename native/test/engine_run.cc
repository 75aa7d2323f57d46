#include "engine_run.h"

namespace tfjs_alig {

StepResult stepOnCpu(const Case& each, const Array& input, Values& values) {
  std::vector<StepTensor> tensors;
  for (std::size_t i = 0; i < each.sizes.size(); ++i) {
    StepTensor tensor = {};
    tensor.size = each.sizes[i];
    tensor.group = groupOf(each, i);
    tensor.gradient = hasGradient(each, i) ? values.gradients[i].data() : nullptr;
    tensor.parameter = values.parameters[i].data();
    tensor.newParameter = values.parameters[i].data();
    for (int k = 0; k < statesOf(each); ++k) {
      tensor.state[k] = tensor.newState[k] = values.state[k][i].data();
    }
    // An empty vector may have no address, and then would count as a missing gradient.
    static const float kEmpty = 0.0f;
    if (hasGradient(each, i) && !tensor.gradient) tensor.gradient = &kEmpty;
    tensors.push_back(tensor);
  }
  CpuStep step(std::move(tensors), each.loss, readStepInput(input.data(), input.size()));
  if (!stepWanted(each)) {
    step.measureParameters();
  } else if (step.decide()) {
    step.update();
  }
  if (step.projects()) step.project();
  return step.result();
}

int failures = 0;

void report(const std::string& where, const std::string& what) {
  std::printf("FAILED %s: %s\n", where.c_str(), what.c_str());
  // A later case may end the process.
  std::fflush(stdout);
  if (++failures == 20) {
    std::printf("20 differences: no more are looked for\n");
    std::fflush(stdout);
    std::_Exit(1);
  }
}

void expect(bool condition, const std::string& where, const std::string& what) {
  if (!condition) report(where, what);
}

void expectSame(const Values& computed, const Values& expected, int states,
                const std::string& where) {
  for (std::size_t i = 0; i < expected.parameters.size(); ++i) {
    const std::string tensor = " of tensor " + std::to_string(i);
    expectSame(computed.parameters[i].data(), expected.parameters[i].data(),
               expected.parameters[i].size(), where + ", parameters" + tensor);
    for (int k = 0; k < states; ++k) {
      expectSame(computed.state[k][i].data(), expected.state[k][i].data(),
                 expected.state[k][i].size(), where + ", state" + tensor);
    }
  }
}

}  // namespace tfjs_alig

// Steps over host arrays: Float32Arrays of JavaScript.
#ifndef TFJS_ALIG_NODE_HOST_STEPS_H_
#define TFJS_ALIG_NODE_HOST_STEPS_H_

#include <napi.h>

namespace tfjs_alig {

void addHostSteps(Napi::Env env, Napi::Object exports);

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_NODE_HOST_STEPS_H_

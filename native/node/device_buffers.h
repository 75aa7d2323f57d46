// The engine on a GPU, over memory of the GPU that JavaScript holds.
#ifndef TFJS_ALIG_NODE_DEVICE_BUFFERS_H_
#define TFJS_ALIG_NODE_DEVICE_BUFFERS_H_

#include <napi.h>

namespace tfjs_alig {

void addDeviceBuffers(Napi::Env env, Napi::Object exports);

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_NODE_DEVICE_BUFFERS_H_

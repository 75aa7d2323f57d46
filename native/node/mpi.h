// The MPI engine in JavaScript; lib/platform/addon.ts has the types.
#ifndef TFJS_ALIG_NODE_MPI_H_
#define TFJS_ALIG_NODE_MPI_H_

#include <napi.h>

namespace tfjs_alig {

void addMpi(Napi::Env env, Napi::Object exports);

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_NODE_MPI_H_

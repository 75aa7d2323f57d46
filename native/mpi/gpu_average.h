// Averages over the ranks of arrays in the memory of a GPU.
#ifndef TFJS_ALIG_MPI_GPU_AVERAGE_H_
#define TFJS_ALIG_MPI_GPU_AVERAGE_H_

#include <vector>

#include "cuda/session.h"
#include "mpi/exchange_terms.h"

namespace tfjs_alig {

// Arrays of device pointers, on the session's GPU; own and result may be the same. Follows what was
// enqueued in the session and has finished on return.
void averageOnGpu(CudaSession& session, const std::vector<TfjsAligMpiArray>& arrays,
                  const ExchangeTerms& terms);

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_MPI_GPU_AVERAGE_H_

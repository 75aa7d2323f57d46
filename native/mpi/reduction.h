// Sums over all ranks.
#ifndef TFJS_ALIG_MPI_REDUCTION_H_
#define TFJS_ALIG_MPI_REDUCTION_H_

#include <cstddef>

#include "mpi/library.h"
#include "mpi/messages.h"

namespace tfjs_alig {

// Each element's sum over the ranks, in rank order in double, divided by `divisor` and rounded once
// to Element, which is float or double: the bits do not depend on how the messages went.
template <class Element>
void sumOverRanks(const Ranks& ranks, const TfjsAligMpiArray* arrays, std::size_t count,
                  double divisor, double seconds);

// The same by MPI's own reduction, in float and in an order of MPI's choice.
void sumByMpi(const Ranks& ranks, const TfjsAligMpiArray* arrays, std::size_t count, double divisor,
              double seconds);

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_MPI_REDUCTION_H_

// How an exchange between the ranks is made, as JavaScript sends it.
#ifndef TFJS_ALIG_MPI_EXCHANGE_TERMS_H_
#define TFJS_ALIG_MPI_EXCHANGE_TERMS_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

#include "mpi/loaded_library.h"

namespace tfjs_alig {

struct ExchangeTerms {
  std::int32_t ranks;
  std::int32_t fast;  // whether by MPI's own reduction
  double seconds;     // how long to wait for the others
};
constexpr std::size_t kExchangeWords = sizeof(ExchangeTerms) / sizeof(std::int32_t);

// Throws std::invalid_argument where there are too few words.
inline ExchangeTerms readExchangeTerms(const std::int32_t* words, std::size_t count) {
  if (count < kExchangeWords) {
    throw std::invalid_argument("the terms of an exchange have " + std::to_string(count) +
                                " words");
  }
  ExchangeTerms terms;
  std::memcpy(&terms, words, sizeof terms);
  return terms;
}

// The averages over the ranks of arrays in host memory.
inline void averageOverRanks(const TfjsAligMpiArray* arrays, std::size_t count,
                             const ExchangeTerms& terms) {
  const MpiLibrary& mpi = mpiLibrary();
  callMpi(terms.fast ? mpi.tfjs_alig_mpi_sum_floats_fast : mpi.tfjs_alig_mpi_sum_floats, arrays,
          count, static_cast<double>(terms.ranks), terms.seconds);
}

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_MPI_EXCHANGE_TERMS_H_

// MPI's own allreduce of float32, beside which a step over MPI is measured.
// Arguments: number of elements, rounds. Rank 0 prints the seconds of each round.
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

int main(int count, char** arguments) {
  if (count != 3) return 2;
  MPI_Init(nullptr, nullptr);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  const int elements = std::atoi(arguments[1]);
  const int rounds = std::atoi(arguments[2]);
  std::vector<float> own(static_cast<std::size_t>(elements), 0.5f);
  std::vector<float> sums(own.size());
  // The first rounds open connections and touch memory.
  for (int round = -2; round < rounds; ++round) {
    MPI_Barrier(MPI_COMM_WORLD);
    const double start = MPI_Wtime();
    MPI_Allreduce(own.data(), sums.data(), elements, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    const double seconds = MPI_Wtime() - start;
    if (rank == 0 && round >= 0) std::printf("%.9g\n", seconds);
  }
  MPI_Finalize();
  return 0;
}

// What the kernels are made of: the lanes of a block, its chunk, and loops over that chunk. They
// give the bits of the CPU engine, because the lanes of a sum (NOTE [order of sums]) are spread
// over the threads so that the tree of additions is the same.
//
// NOTE [lanes and threads]
// A row of 1,024 lanes is 256 quads of four neighbouring elements, 16 bytes each. With 256 threads
// thread t holds quad t, which are lanes 4t to 4t + 3; with fewer threads it holds quads t,
// t + kBlock, t + 2 kBlock, ... The halving tree then first pairs quads of one thread, then warps
// through shared memory, then threads of a warp by shuffles, and at last the lanes of quad 0. So
// the block size does not show in the bits: the checks run 64 threads, because a race detector
// with 255 slots for threads missed two of three races at 256.
#ifndef TFJS_ALIG_CUDA_BLOCK_H_
#define TFJS_ALIG_CUDA_BLOCK_H_

#include <cuda_runtime.h>

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "cuda/table.h"
#include "engine/sum.h"
#include "rules/clip.h"

// The checks of native/test compile with 64.
#if !defined(TFJS_ALIG_CUDA_BLOCK)
#define TFJS_ALIG_CUDA_BLOCK 256
#endif

namespace tfjs_alig {

constexpr int kBlock = TFJS_ALIG_CUDA_BLOCK;
constexpr int kWarpSize = 32;
constexpr unsigned kWholeWarp = 0xffffffffu;
constexpr unsigned kQuad = 4;
constexpr int kQuadsInRow = static_cast<int>(kLaneCount / kQuad);

// The lanes that one thread holds.
struct Lanes {
  static constexpr int kQuads = kQuadsInRow / kBlock;
  static_assert(kQuads * kBlock == kQuadsInRow && kBlock >= 2 * kWarpSize,
                "the tree of additions needs two warps and whole quads");
  double of[kQuads][kQuad];
};

// Adds the lanes of all threads. Thread 0 has the sum; the others get 0. All calls of a kernel
// share one array, so that a barrier must stand between two.
__device__ __forceinline__ double addLanes(Lanes lanes) {
#pragma unroll
  for (int half = Lanes::kQuads / 2; half > 0; half /= 2) {
#pragma unroll
    for (int quad = 0; quad < half; ++quad) {
#pragma unroll
      for (int i = 0; i < 4; ++i) lanes.of[quad][i] += lanes.of[quad + half][i];
    }
  }

  constexpr int kWarps = kBlock / kWarpSize;
  __shared__ double ofWarp[kWarps][kQuad][kWarpSize];
  const int warp = static_cast<int>(threadIdx.x) / kWarpSize;
  const int thread = static_cast<int>(threadIdx.x) % kWarpSize;
  if (warp > 0) {
#pragma unroll
    for (int i = 0; i < 4; ++i) ofWarp[warp][i][thread] = lanes.of[0][i];
  }
  __syncthreads();
  if (warp > 0) return 0.0;

  double sums[kQuad];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    double warps[kWarps];
    warps[0] = lanes.of[0][i];
#pragma unroll
    for (int other = 1; other < kWarps; ++other) warps[other] = ofWarp[other][i][thread];
#pragma unroll
    for (int half = kWarps / 2; half > 0; half /= 2) {
#pragma unroll
      for (int other = 0; other < half; ++other) warps[other] += warps[other + half];
    }
    sums[i] = warps[0];
  }
#pragma unroll
  for (int half = kWarpSize / 2; half > 0; half /= 2) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      sums[i] += __shfl_down_sync(kWholeWarp, sums[i], static_cast<unsigned>(half));
    }
  }
  return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}

// Four neighbouring elements.
struct Quad {
  float of[kQuad];
};

// How much of a quad is there: all of it, aligned to 16 bytes, or the first 1 to 4 elements (an
// unsigned). These are two types because with one, nvcc merged the stores of both cases into four
// of 4 bytes each.
struct WholeQuad {};

__device__ __forceinline__ constexpr bool has(WholeQuad, unsigned) { return true; }
__device__ __forceinline__ constexpr bool has(unsigned count, unsigned i) { return i < count; }

// How many elements a quad that begins at `i` has in an array of `size`.
__device__ __forceinline__ unsigned restOfQuad(unsigned i, unsigned size) {
  return size - i < kQuad ? size - i : kQuad;
}

// NOTE [rows at once]
// How many rows a thread has in flight. By Little's law an H200 (4.8 TB/s, some 700 ns, 132
// multiprocessors) needs 25 KB in flight on each, a B200 (8 TB/s, 148) 38 KB. With one row, blocks
// of 256 threads and the registers of native/test/static-limits.json, updates have 48 KB or more (6
// blocks that read two arrays, 3 that read four), and the least that measures, MoMo-Adam and Deep
// Frank-Wolfe, 32 KB (2 blocks of four arrays, 4 of two). A second row would double the copies of
// the formula that nvcc compiles. Passes that read one array take two rows.
constexpr int kRowsOfRule = 1;
constexpr int kRowsOfOneArray = 2;

// Calls work(quad, i, extent) for each quad of this thread in each row: `quad` is its number among
// those of the thread, `i` its first element. Where the arrays are not `aligned`, and at the end of
// a chunk, elements come one by one: one loop for both, because every loop is a copy of the rule's
// formula for four elements, and the time that nvcc takes goes with them.
template <int kRowsAtOnce, class Work>
__device__ __forceinline__ void forEachQuad(unsigned size, bool aligned, const Work& work) {
  constexpr auto kRow = static_cast<unsigned>(kLaneCount);
#pragma unroll
  for (int quad = 0; quad < Lanes::kQuads; ++quad) {
    unsigned i = kQuad * (threadIdx.x + static_cast<unsigned>(quad * kBlock));
    if (aligned) {
#pragma unroll kRowsAtOnce
      for (; i + kQuad <= size; i += kRow) work(quad, i, WholeQuad());
    }
#pragma unroll 1
    for (; i < size; i += kRow) work(quad, i, restOfQuad(i, size));
  }
}

// A pointer out of the table is generic to the compiler, which then emits LD and ST; with this
// knowledge it emits LDG and STG, in fewer instructions and registers.
template <class Element>
__device__ __forceinline__ Element* asGlobal(Element* pointer) {
  __builtin_assume(__isGlobal(pointer));
  return pointer;
}

// Whether an array may be read and written 16 bytes at a time. Chunks are whole rows apart, so that
// all of a tensor's chunks are aligned as it is. A pointer that is null is aligned.
__device__ __forceinline__ bool isAligned(const float* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % sizeof(float4) == 0;
}

__device__ __forceinline__ Quad loadQuad(const float* from, WholeQuad) {
  const float4 quad = *reinterpret_cast<const float4*>(from);
  return {{quad.x, quad.y, quad.z, quad.w}};
}

__device__ __forceinline__ Quad loadQuad(const float* from, unsigned count) {
  Quad quad;
#pragma unroll
  for (unsigned i = 0; i < kQuad; ++i) quad.of[i] = has(count, i) ? from[i] : 0.0f;
  return quad;
}

// Up to sm_90 nvcc split an assignment in four stores of 4 bytes where a kernel writes to other
// arrays than it reads; __stwb would be one store, but a strong one (STG.STRONG.SM).
__device__ __forceinline__ void storeQuad(float* to, const Quad& quad, WholeQuad) {
#if defined(__CUDA_ARCH__)
  asm volatile("st.global.v4.f32 [%0], {%1, %2, %3, %4};"
               :
               : "l"(__cvta_generic_to_global(to)), "f"(quad.of[0]), "f"(quad.of[1]),
                 "f"(quad.of[2]), "f"(quad.of[3])
               : "memory");
#else
  *reinterpret_cast<float4*>(to) = {quad.of[0], quad.of[1], quad.of[2], quad.of[3]};
#endif
}

__device__ __forceinline__ void storeQuad(float* to, const Quad& quad, unsigned count) {
#pragma unroll
  for (unsigned i = 0; i < kQuad; ++i) {
    if (has(count, i)) to[i] = quad.of[i];
  }
}

// The product is exact in double, so that fma has the bits of a product and an addition, at half
// the work: consumer GPUs do 1 double operation for 64 of float.
__device__ __forceinline__ void addProduct(double& lane, float first, float second) {
  lane = std::fma(static_cast<double>(first), static_cast<double>(second), lane);
}

template <class Extent>
__device__ __forceinline__ void addSquares(double* lanes, const Quad& quad, Extent extent) {
#pragma unroll
  for (unsigned i = 0; i < kQuad; ++i) {
    if (has(extent, i)) addProduct(lanes[i], quad.of[i], quad.of[i]);
  }
}

// A gradient clipped by value, for the sums: NaN stays NaN.
template <class Extent>
__device__ __forceinline__ Quad loadGradient(const float* from, float maxGradientValue,
                                             Extent extent) {
  Quad quad = loadQuad(from, extent);
#pragma unroll
  for (float& value : quad.of) value = clipped(value, maxGradientValue);
  return quad;
}

// Copies an array, which may be the same one, and hands each quad to `work` before it is written.
// Where two rows are left both are read before one is written: no load moves before a store, which
// is a barrier to nvcc.
template <class Work>
__device__ __forceinline__ void rewriteQuads(const float* from, float* to, unsigned size,
                                             const Work& work) {
  constexpr auto kRow = static_cast<unsigned>(kLaneCount);
  const auto write = [&](int quad, unsigned i, Quad values, auto extent) {
    work(quad, values, extent);
    storeQuad(to + i, values, extent);
  };
#pragma unroll
  for (int quad = 0; quad < Lanes::kQuads; ++quad) {
    unsigned i = kQuad * (threadIdx.x + static_cast<unsigned>(quad * kBlock));
    if (isAligned(from) && isAligned(to)) {
#pragma unroll 1
      for (; i + kRow + kQuad <= size; i += 2 * kRow) {
        const Quad first = loadQuad(from + i, WholeQuad());
        const Quad second = loadQuad(from + i + kRow, WholeQuad());
        write(quad, i, first, WholeQuad());
        write(quad, i + kRow, second, WholeQuad());
      }
      if (i + kQuad <= size) {
        write(quad, i, loadQuad(from + i, WholeQuad()), WholeQuad());
        i += kRow;
      }
    }
#pragma unroll 1
    for (; i < size; i += kRow) {
      const unsigned extent = restOfQuad(i, size);
      write(quad, i, loadQuad(from + i, extent), extent);
    }
  }
}

// The chunk of a block: its tensor, and where in it.
struct ChunkPlace {
  const TableEntry* tensor;
  std::uint64_t offset;
  unsigned size;
};

template <std::uint32_t TableEntry::*kFirst>
__device__ __forceinline__ ChunkPlace findChunk(const TableOnGpu& table, unsigned chunk) {
  ChunkPlace place;
  place.tensor = table.entries + findEntry<kFirst>(table.entries, table.count, chunk);
  place.offset = std::uint64_t{chunk - place.tensor->*kFirst} * kChunkSize;
  const std::uint64_t rest = place.tensor->size - place.offset;
  place.size = static_cast<unsigned>(rest < kChunkSize ? rest : kChunkSize);
  return place;
}

// The sum of up to kChunkSize numbers, in thread 0.
__device__ __forceinline__ double addPart(const double* sums, unsigned size) {
  Lanes lanes = {};
  forEachQuad<2>(size, true, [&](int quad, unsigned i, auto extent) {
#pragma unroll
    for (unsigned lane = 0; lane < kQuad; ++lane) {
      if (has(extent, lane)) lanes.of[quad][lane] += sums[i + lane];
    }
  });
  return addLanes(lanes);
}

// The sum of a list of chunk sums, in thread 0. Of more than kChunkSize each part of so many is
// added first, then the sums of the parts in the same way.
__device__ __forceinline__ double addChunkSums(const ChunkSums& sums, unsigned list) {
  constexpr auto kPart = static_cast<unsigned>(kChunkSize);
  const double* from = sums.ofList(list);
  double* to = sums.ofParts;
  unsigned count = sums.chunks;
#pragma unroll 1
  while (count > kPart) {
    const unsigned parts = (count - 1) / kPart + 1;
#pragma unroll 1
    for (unsigned part = 0; part < parts; ++part) {
      const unsigned rest = count - part * kPart;
      const double sum = addPart(from + part * kPart, rest < kPart ? rest : kPart);
      if (threadIdx.x == 0) to[part] = sum;
      __syncthreads();
    }
    from = to;
    to += parts;
    count = parts;
  }
  return addPart(from, count);
}

// NOTE [last block]
// What follows from the sums of all chunks is done by the block that comes here last, so that it
// takes no launch of its own. Which block that is does not show: it adds the sums in their order.
// The first fence puts a block's sums before its count, the second one its count before what it
// reads of the others. The count is 0 again after the last block.
__device__ __forceinline__ bool isLastBlock(unsigned* blocksDone) {
  __shared__ bool last;
  if (threadIdx.x == 0) {
    __threadfence();
    last = atomicInc(blocksDone, gridDim.x - 1) == gridDim.x - 1;
    __threadfence();
  }
  __syncthreads();
  return last;
}

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_CUDA_BLOCK_H_

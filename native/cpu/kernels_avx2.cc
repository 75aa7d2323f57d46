#define TFJS_ALIG_KERNELS kAvx2Kernels
#define TFJS_ALIG_INSTRUCTION_SET "avx2"
#include "cpu/kernels-inl.h"

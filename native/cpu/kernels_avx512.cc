#define TFJS_ALIG_KERNELS kAvx512Kernels
#define TFJS_ALIG_INSTRUCTION_SET "avx512"
#include "cpu/kernels-inl.h"

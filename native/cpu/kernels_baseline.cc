#define TFJS_ALIG_KERNELS kBaselineKernels
#define TFJS_ALIG_INSTRUCTION_SET "baseline"
#include "cpu/kernels-inl.h"

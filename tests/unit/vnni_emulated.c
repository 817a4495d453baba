/* vnni_emulated.c: the kernels of x86_vnni.c over operations in plain C: what is tested where there is no AVX-512. */
#define VNNI_OPERATIONS "avx512_emulated.h"
#include "vnni_emulated.h"

#include "engine/kernels/x86_vnni.c"

/* vnni_emulated.h: see vnni_emulated.c. */
#pragma once
#include "engine/kernels/kernels.h"

const struct kernels *kernels_vnni_emulated(void);

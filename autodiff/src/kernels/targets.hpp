// targets.hpp: the instruction sets that kernels are compiled for; included before any of Highway.
// AVX2, AVX-512 and the processor's baseline, which on x86 is never dispatched to: there the twins
// run. Other targets would cost compile time and give a float kernel nothing.
#pragma once

// Highway's bits grow downwards: whatever is below HWY_AVX3 is newer than AVX-512.
#define HWY_DISABLED_TARGETS ((HWY_AVX3 - 1) | HWY_SSE4 | HWY_SSSE3)

// machine.hpp: what computes. The bits of a result depend on the kernels chosen, so a report names
// them.
#pragma once

#include <string>

namespace metatape {

/// The BLAS in use, its kernels and how it runs threads: "OpenBLAS 0.3.21 Haswell pthread".
std::string blas_name();

/// The instruction set of our own kernels: "plain", "avx2" or "avx512". DataError when
/// METATAPE_SIMD names none, or one that the processor lacks.
std::string simd_name();

}  // namespace metatape

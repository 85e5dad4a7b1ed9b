// machine.hpp: what computes, and how it takes the smallest numbers. The bits of a result depend on
// the kernels chosen, so a report names them.
#pragma once

#include <cstdint>
#include <string>

namespace metatape {

/// The BLAS in use, its kernels and how it runs threads: "OpenBLAS 0.3.21 Haswell pthread".
std::string blas_name();

/// The instruction set of our own kernels: "plain", "avx2" or "avx512". DataError when
/// METATAPE_SIMD names none, or one that the processor lacks.
std::string simd_name();

/// While it lives, arithmetic of the thread that made it takes subnormal numbers, those nearer to
/// zero than the smallest of full precision (1.2e-38 in float32, 2.2e-308 in float64), for zero:
/// operands and results. So do the regions (threads.hpp) that the thread starts. Some processors,
/// Intel's among them, compute with subnormals many times slower, and adjoints that fade over a
/// long unroll come to them. The program holds one as long as it runs, a metalearn::Trainer in each
/// step.
///
/// Where the processor is neither x86-64 nor AArch64 it does nothing. It must die in the thread
/// that made it, the last made first.
class SubnormalsAsZero {
 public:
  SubnormalsAsZero();
  ~SubnormalsAsZero();
  SubnormalsAsZero(const SubnormalsAsZero&) = delete;
  SubnormalsAsZero& operator=(const SubnormalsAsZero&) = delete;

 private:
  std::uint64_t before_;  // whether it was so already
};

}  // namespace metatape

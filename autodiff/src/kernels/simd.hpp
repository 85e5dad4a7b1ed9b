// simd.hpp: which instruction set the kernels use.
// Chosen once, at the first call: the best that the processor has, or what METATAPE_SIMD allows
// (plain, avx2, avx512). `plain` means the twins: loops that the compiler alone has seen to.
#pragma once

#include <string>
#include <vector>

namespace metatape::kernel {

enum class Simd { plain, avx2, avx512 };

/// The one in use. DataError when METATAPE_SIMD names none, or one that the processor lacks.
Simd simd();
/// "plain", "avx2", "avx512".
const char* name(Simd simd);
/// Those that this processor can run, plain first.
std::vector<Simd> available_simd();
/// For tests: use another from now on. Not while kernels run in other threads.
void force_simd(Simd simd);

}  // namespace metatape::kernel

// simd.hpp: which instruction set the kernels use.
// Chosen once, at the first call: the best that the processor has, or what METATAPE_SIMD allows
// (plain, avx2, avx512). `plain` means the twins: loops that the compiler alone has seen to.
#pragma once

#include <atomic>
#include <vector>

namespace metatape::kernel {

enum class Simd { plain, avx2, avx512 };

namespace detail {
inline constinit std::atomic<int> chosen_simd{-1};
Simd choose_simd();
}  // namespace detail

/// The one in use. DataError when METATAPE_SIMD names none, or one that the processor lacks.
inline Simd simd() {
  const int chosen = detail::chosen_simd.load(std::memory_order_acquire);
  if (chosen >= 0) [[likely]]
    return static_cast<Simd>(chosen);
  return detail::choose_simd();
}
/// "plain", "avx2", "avx512".
const char* name(Simd simd);
/// Those that this processor can run, plain first.
std::vector<Simd> available_simd();
/// For tests: use another from now on. Not while kernels run in other threads.
void force_simd(Simd simd);

}  // namespace metatape::kernel

#include "simd.hpp"

#include <hwy/targets.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "metatape/autodiff/error.hpp"

namespace metatape::kernel {

namespace {

bool runs(Simd s) {
  const auto targets = static_cast<std::int64_t>(hwy::SupportedTargets());
  if (s == Simd::avx512) return (targets & HWY_AVX3) != 0;
  if (s == Simd::avx2) return (targets & HWY_AVX2) != 0;
  return true;
}

Simd from_environment() {
  const char* wanted = std::getenv("METATAPE_SIMD");
  if (!wanted || !*wanted)
    return runs(Simd::avx512) ? Simd::avx512 : runs(Simd::avx2) ? Simd::avx2 : Simd::plain;
  for (const Simd s : {Simd::plain, Simd::avx2, Simd::avx512}) {
    if (std::string(wanted) != name(s)) continue;
    if (!runs(s))
      throw DataError(std::string("METATAPE_SIMD: ") + wanted +
                      ": this processor does not have it");
    return s;
  }
  throw DataError(std::string("METATAPE_SIMD: '") + wanted +
                  "': one of plain, avx2, avx512 is expected");
}

}  // namespace

const char* name(Simd simd) {
  return simd == Simd::avx512 ? "avx512" : simd == Simd::avx2 ? "avx2" : "plain";
}

void force_simd(Simd s) {
  // Highway's bits grow downwards: without those below HWY_AVX2, AVX2 is the best in the mask.
  auto mask = static_cast<std::int64_t>(hwy::SupportedTargets());
  if (s != Simd::avx512) mask &= ~static_cast<std::int64_t>(HWY_AVX2 - 1);
  hwy::GetChosenTarget().Update(mask);
  detail::chosen_simd.store(static_cast<int>(s), std::memory_order_release);
}

Simd detail::choose_simd() {
  const Simd s = from_environment();
  force_simd(s);
  return s;
}

std::vector<Simd> available_simd() {
  std::vector<Simd> all;
  for (const Simd s : {Simd::plain, Simd::avx2, Simd::avx512})
    if (runs(s)) all.push_back(s);
  return all;
}

}  // namespace metatape::kernel

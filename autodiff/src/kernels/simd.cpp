#include "simd.hpp"

#include <hwy/targets.h>

#include <atomic>
#include <cstdlib>
#include <string>

#include "metatape/autodiff/error.hpp"

namespace metatape::kernel {

namespace {

constexpr int unset = -1;
std::atomic<int>& chosen() {
  static std::atomic<int> value{unset};
  return value;
}

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
      throw DataError(std::string("METATAPE_SIMD: ") + wanted + ": this processor does not have it");
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
  // Without AVX-512 in the mask, AVX2 is the best that Highway finds in it.
  auto mask = static_cast<std::int64_t>(hwy::SupportedTargets());
  if (s != Simd::avx512) mask &= ~static_cast<std::int64_t>(HWY_AVX3 | HWY_AVX3_DL);
  hwy::GetChosenTarget().Update(mask);
  chosen().store(static_cast<int>(s), std::memory_order_release);
}

Simd simd() {
  const int value = chosen().load(std::memory_order_acquire);
  if (value != unset) [[likely]]
    return static_cast<Simd>(value);
  force_simd(from_environment());
  return simd();
}

std::vector<Simd> available_simd() {
  std::vector<Simd> all;
  for (const Simd s : {Simd::plain, Simd::avx2, Simd::avx512})
    if (runs(s)) all.push_back(s);
  return all;
}

}  // namespace metatape::kernel

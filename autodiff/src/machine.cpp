// machine.cpp: BLAS is asked at run time, since metatape must link with any of them (threads.cpp).
#include "metatape/autodiff/machine.hpp"

#include <dlfcn.h>

#include <sstream>

#include "float_mode.hpp"
#include "kernels/simd.hpp"

namespace metatape {

namespace {

template <class F>
F* symbol(const char* name) {
  return reinterpret_cast<F*>(dlsym(RTLD_DEFAULT, name));
}

}  // namespace

std::string blas_name() {
  auto* config = symbol<char*()>("openblas_get_config");
  if (!config) return "BLAS";
  // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH NO_AFFINITY Haswell MAX_THREADS=64"
  std::istringstream words(config());
  std::string name, version;
  words >> name >> version;
  std::string out = name + " " + version;
  if (auto* core = symbol<char*()>("openblas_get_corename")) out += std::string(" ") + core();
  if (auto* parallel = symbol<int()>("openblas_get_parallel"))
    out += parallel() == 2 ? " openmp" : parallel() == 1 ? " pthread" : " serial";
  return out;
}

std::string simd_name() { return kernel::name(kernel::simd()); }

SubnormalsAsZero::SubnormalsAsZero() : before_(float_mode() & subnormals_are_zero) {
  set_float_mode(float_mode() | subnormals_are_zero);
}

SubnormalsAsZero::~SubnormalsAsZero() {
  // The register also keeps which exceptions arithmetic has met: those stay.
  set_float_mode((float_mode() & ~subnormals_are_zero) | before_);
}

}  // namespace metatape

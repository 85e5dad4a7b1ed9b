// storage.hpp: reference-counted blocks of 64-byte aligned memory (see storage.cpp).
#pragma once

#include <cstddef>

#include "metatape/autodiff/tensor.hpp"

namespace metatape::detail {

void* storage_bytes(Storage* storage) noexcept;  ///< the block's first byte, 64-byte aligned

}  // namespace metatape::detail

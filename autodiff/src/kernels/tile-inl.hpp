// tile-inl.hpp: the register tile that products are made of, for the files that Highway compiles
// once for each instruction set: a few rows by a few vectors of columns, held while k runs.
#if defined(METATAPE_KERNELS_TILE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef METATAPE_KERNELS_TILE_INL
#undef METATAPE_KERNELS_TILE_INL
#else
#define METATAPE_KERNELS_TILE_INL
#endif

#include <algorithm>

#include "kernels/vectors-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace metatape::kernel {
namespace HWY_NAMESPACE {

// Registers: AVX-512 has 32, so 6 x 4 accumulators; AVX2 has 16, so 6 x 2.
constexpr int rows_of_tile = 6;
constexpr int vectors_of_tile = HWY_TARGET <= HWY_AVX3 ? 4 : 2;

// Vectors of the panel that starts at column j.
HWY_INLINE int panel_vectors(std::int64_t n, std::int64_t j) {
  const std::int64_t left = (n - j + lanes() - 1) / lanes();
  return static_cast<int>(std::min<std::int64_t>(left, vectors_of_tile));
}

// Where the k values of a row come from: `runs` stretches of `length`, `jump` apart; inside a
// stretch they are `step` apart.
struct Rows {
  const float* at[rows_of_tile];
  std::int64_t runs, length, jump, step;
};

template <int MR, int NV>
HWY_INLINE void tile(const Rows& a, const float* HWY_RESTRICT b, float* const* y,
                     std::int64_t columns, bool add) {
  const D d;
  const std::int64_t lane = lanes();
  V sum[MR][NV];
  for (int r = 0; r < MR; ++r)
    for (int v = 0; v < NV; ++v) sum[r][v] = hn::Zero(d);
  for (std::int64_t run = 0; run < a.runs; ++run) {
    const std::int64_t base = run * a.jump;
    for (std::int64_t k = 0, at = base; k < a.length; ++k, at += a.step, b += NV * lane) {
      V w[NV];
      for (int v = 0; v < NV; ++v) w[v] = hn::LoadU(d, b + v * lane);
      for (int r = 0; r < MR; ++r) {
        const V x = hn::Set(d, a.at[r][at]);
        for (int v = 0; v < NV; ++v) sum[r][v] = hn::MulAdd(x, w[v], sum[r][v]);
      }
    }
  }
  // Loops of constant length and nothing but vectors in them: only then do all sums stay in
  // registers, here and above.
  if (columns == NV * lane) {
    if (add)
      for (int r = 0; r < MR; ++r)
        for (int v = 0; v < NV; ++v) sum[r][v] = hn::Add(hn::LoadU(d, y[r] + v * lane), sum[r][v]);
    for (int r = 0; r < MR; ++r)
      for (int v = 0; v < NV; ++v) hn::StoreU(sum[r][v], d, y[r] + v * lane);
    return;
  }
  HWY_ALIGN float whole[MR * NV * 16] = {};
  for (int r = 0; r < MR; ++r)
    for (int v = 0; v < NV; ++v) hn::StoreU(sum[r][v], d, whole + r * NV * 16 + v * lane);
  for (int r = 0; r < MR; ++r)
    for (std::int64_t j = 0; j < columns; ++j) {
      const float value = whole[r * NV * 16 + j];
      y[r][j] = add ? y[r][j] + value : value;
    }
}

template <int NV>
HWY_INLINE void tile_rows(int rows, const Rows& a, const float* b, float* const* y,
                          std::int64_t columns, bool add) {
  switch (rows) {
    case 6:
      return tile<6, NV>(a, b, y, columns, add);
    case 5:
      return tile<5, NV>(a, b, y, columns, add);
    case 4:
      return tile<4, NV>(a, b, y, columns, add);
    case 3:
      return tile<3, NV>(a, b, y, columns, add);
    case 2:
      return tile<2, NV>(a, b, y, columns, add);
    default:
      return tile<1, NV>(a, b, y, columns, add);
  }
}

HWY_INLINE void tile_any(int vectors, int rows, const Rows& a, const float* b, float* const* y,
                         std::int64_t columns, bool add) {
  if (vectors == 1) return tile_rows<1>(rows, a, b, y, columns, add);
  if (vectors == 2 || vectors_of_tile == 2) return tile_rows<2>(rows, a, b, y, columns, add);
  if (vectors == 3) return tile_rows<std::min(3, vectors_of_tile)>(rows, a, b, y, columns, add);
  return tile_rows<vectors_of_tile>(rows, a, b, y, columns, add);
}

}  // namespace HWY_NAMESPACE
}  // namespace metatape::kernel
HWY_AFTER_NAMESPACE();
#endif

// lstm.hpp: the step of an LSTM on the register tile, for weights that meet many rows.
//
// Packed weights have the four gates of a block of hidden units beside each other, so one tile
// holds all that these units need for their step: what comes to the gates never leaves the cache,
// and the step has one pass. The pass back has one too, the gradient of h being multiplied out
// where it is read. The gradient of the weights is summed up over any number of steps in the packed
// order.
//
// Gate columns: (block of units, gate i f g o, unit), zeros where the last block is not full; there
// are lstm_columns(hidden), cut in panels of lstm_panel(). A matrix "in panels" is [panel][row]
// [column of the panel]. float32, for AVX2 and AVX-512; where simd() is plain, callers multiply and
// run recurrent.hpp, the twin. A row's bits do not depend on which rows or units go at once.
#pragma once

#include <cstdint>

namespace metatape::kernel {

std::int64_t lstm_columns(std::int64_t hidden);
std::int64_t lstm_panel();
/// Hidden units of a block.
std::int64_t lstm_block();

/// W_ih [4 hidden, in], W_hh [4 hidden, hidden] and the bias (null: 0) as the rows of one matrix in
/// panels, of in + hidden + 1 rows. Its gradient has the same form.
void pack_lstm(std::int64_t in, std::int64_t hidden, const float* w_ih, const float* w_hh,
               const float* bias, float* packed);
/// The way back: dw (add ? += : =); null: not wanted.
struct LstmGradient {
  float *ih, *hh, *bias;
  bool add_ih, add_hh, add_bias;
};
void unpack_lstm(std::int64_t in, std::int64_t hidden, const float* packed, const LstmGradient& to);

/// w [4 hidden, n] as the right factor of products with gradients of gate columns:
/// packed_size(lstm_columns(hidden), n) floats.
void pack_lstm_turned(std::int64_t hidden, std::int64_t n, const float* w, float* packed);

/// Rows [first, last) of a step of `batch` rows.
struct LstmRows {
  std::int64_t batch, first, last;
};

/// Blocks [begin, end) of units: x [batch, in] and h, c_before [batch, hidden] -> c, h_out [batch,
/// hidden] and the gates [block][batch][gate][unit], lstm_columns(hidden) a row.
void lstm_tile_step(std::int64_t in, std::int64_t hidden, const LstmRows& rows, std::int64_t begin,
                    std::int64_t end, const float* packed, const float* x, const float* h,
                    const float* c_before, float* gates, float* c, float* h_out);

/// Gradients of gate columns in panels of `capacity` rows; the step's own begin at `data`.
template <class T>
struct LstmPanels {
  T* data;
  std::int64_t capacity;
};

/// Units [j, j + lstm_panel()), j a multiple of that. dz from dh = g + dz_next W_hh (dz_next.data
/// null: g alone), turned_hh being W_hh of pack_lstm_turned; dc comes in for c and goes out for
/// c_before. dz and dz_next must not overlap.
void lstm_tile_step_pullback(std::int64_t hidden, const LstmRows& rows, std::int64_t j,
                             const float* turned_hh, LstmPanels<const float> dz_next,
                             const float* gates, const float* c_before, const float* c,
                             const float* g, float* dc, LstmPanels<float> dz);

/// y [m, n] (add ? += : =) dz w, w as pack_lstm_turned made it.
void lstm_multiply(std::int64_t m, std::int64_t n, std::int64_t hidden, LstmPanels<const float> dz,
                   const float* turned, float* y, bool add);

/// to [n][column of the panel] (add ? += : =) aᵀ dz, over `rows` rows: rows [first, last) of `to`,
/// a panel of the gradient of pack_lstm's matrix or a part of it. a [rows, n]; null: a column of
/// ones. `panel` is the first row of the panel's dz.
void lstm_weight_gradient(std::int64_t rows, std::int64_t n, std::int64_t first, std::int64_t last,
                          const float* a, const float* panel, float* to, bool add);

}  // namespace metatape::kernel

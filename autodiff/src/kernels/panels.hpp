// panels.hpp: a small net on many coordinates at once: weights x a panel of 64 columns, each column
// one coordinate, a unit's values of all columns contiguous.
// The sums of four (AVX2: two) vectors of columns and of all four gates of a unit stay in registers
// while k runs, so gates are activated, and the state stepped, without having been stored. A
// column's bits depend neither on the other columns nor on where it stands. sigmoid and tanh here
// are within 2e-7 absolutely; those of elementwise.hpp are exact to 4 ulp and cost twice as much.
// float32 for AVX2 and AVX-512; float64, and everything where simd() is plain, runs
// panels_twin.hpp, where the types are.
#pragma once

#include "panels_twin.hpp"

namespace metatape::kernel {

// For float64 the twins themselves.
using twin::panel_lstm;
using twin::panel_lstm_pullback;
using twin::panel_multiply;
using twin::panel_multiply_turned;
using twin::panel_outer;

/// y [rows] = w x + bias: w [rows, k], x [k]; bias [rows] may be null.
void panel_multiply(std::int64_t rows, std::int64_t k, const float* w, const float* bias,
                    PanelRows<const float> x, PanelRows<float> y);
/// y [k] (add ? += : =) wᵀ g: w [rows, k], g [rows, panel].
void panel_multiply_turned(std::int64_t rows, std::int64_t k, const float* w, const float* g,
                           PanelRows<float> y, bool add);
/// w [rows, k] += Σ over pairs and columns of g xᵀ, sums [rows] += those of g; either may be null.
void panel_outer(std::int64_t rows, std::int64_t k, std::span<const PanelPair<float>> pairs,
                 float* w, float* sums);

/// One step: gates i f g o [4 hidden, panel] come out where not null, and c and h of the step; c
/// and c_out may be the same, h and h_out may not.
void panel_lstm(const PanelLstm<float>& layer, PanelRows<const float> x, PanelRows<const float> h,
                PanelRows<const float> c, float* gates, PanelRows<float> c_out,
                PanelRows<float> h_out);
/// dz [4 hidden, panel] from dh = g + dh_next [hidden, panel] (which may be null) and dc; dc_before
/// may be dc.
void panel_lstm_pullback(std::int64_t hidden, const float* gates, PanelRows<const float> c_before,
                         PanelRows<const float> c, PanelRows<const float> g, const float* dh_next,
                         PanelRows<const float> dc, PanelRows<float> dc_before, float* dz);

}  // namespace metatape::kernel

// recurrent.hpp: what a step of an LSTM or a GRU does besides its matrix products, in one pass over
// the gates each way. float32 for AVX2 and AVX-512, sigmoid and tanh being those of
// elementwise.hpp; float64, and everything where simd() is plain, runs recurrent_twin.hpp.
#pragma once

#include <cstdint>

#include "recurrent_twin.hpp"

namespace metatape::kernel {

// For float64 the twins themselves.
using twin::gru_step;
using twin::gru_step_pullback;
using twin::lstm_step;
using twin::lstm_step_pullback;

/// gates [batch, 4 hidden]: x W_ihᵀ + h W_hhᵀ come in, i f g o go out. c and h of the step come
/// out; bias [4 hidden] may be null.
void lstm_step(std::int64_t batch, std::int64_t hidden, const float* bias, const float* c_before,
               float* gates, float* c, float* h);

/// dz [batch, 4 hidden] from dh = g + dh_next (which may be null); dc comes in for c and goes out
/// for c_before.
void lstm_step_pullback(std::int64_t batch, std::int64_t hidden, const float* gates,
                        const float* c_before, const float* c, const float* g, const float* dh_next,
                        float* dc, float* dz);

/// a = x W_ihᵀ and q = h W_hhᵀ [batch, 3 hidden], in the order r z n, without their biases, which
/// may be null -> out = (1 - z) n + z h. r, z, n and the recurrent part of n (before r) are kept in
/// [batch, 4 hidden].
void gru_step(std::int64_t batch, std::int64_t hidden, const float* a, const float* q,
              const float* bias_ih, const float* bias_hh, const float* h, float* kept, float* out);

/// da and dq [batch, 3 hidden] from g; dh (add ? += : =) its direct part g z, where not null.
void gru_step_pullback(std::int64_t batch, std::int64_t hidden, const float* kept, const float* h,
                       const float* g, float* da, float* dq, float* dh, bool add);

}  // namespace metatape::kernel

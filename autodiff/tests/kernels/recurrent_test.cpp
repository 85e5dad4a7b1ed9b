// Steps of recurrent cells against their plain loops in float64, with and without biases and what
// comes from the next step.
#include "kernels/recurrent.hpp"

#include "support/simd.hpp"

using namespace metatape;

namespace {

template <class T>
std::vector<T> as(const std::vector<float>& x) {
  return {x.begin(), x.end()};
}
template <class T>
const T* maybe(const std::vector<T>& x, bool there) {
  return there ? x.data() : nullptr;
}

// Everything that a step and its pullback write, one after the other.
template <class T>
std::vector<float> lstm(std::int64_t batch, std::int64_t hidden, bool bias, bool next) {
  const std::int64_t n = batch * hidden;
  const auto b = as<T>(noise(1, 4 * hidden)), before = as<T>(noise(2, n)), g = as<T>(noise(3, n));
  const auto dh = as<T>(noise(4, n));
  auto gates = as<T>(noise(5, 4 * n)), dc = as<T>(noise(6, n)), dz = gates, c = dc, h = dc;
  kernel::lstm_step(batch, hidden, maybe(b, bias), before.data(), gates.data(), c.data(), h.data());
  kernel::lstm_step_pullback(batch, hidden, std::as_const(gates).data(), before.data(),
                             std::as_const(c).data(), g.data(), maybe(dh, next), dc.data(),
                             dz.data());
  std::vector<float> all;
  for (const auto* part : {&gates, &c, &h, &dc, &dz})
    for (const T v : *part) all.push_back(static_cast<float>(v));
  return all;
}

template <class T>
std::vector<float> gru(std::int64_t batch, std::int64_t hidden, bool bias, bool add) {
  const std::int64_t n = batch * hidden;
  const auto a = as<T>(noise(1, 3 * n)), q = as<T>(noise(2, 3 * n)), h = as<T>(noise(3, n));
  const auto b_ih = as<T>(noise(4, 3 * hidden)), b_hh = as<T>(noise(5, 3 * hidden));
  const auto g = as<T>(noise(6, n));
  auto kept = as<T>(noise(7, 4 * n)), out = as<T>(noise(8, n)), da = a, dq = q, dh = out;
  kernel::gru_step(batch, hidden, a.data(), q.data(), maybe(b_ih, bias), maybe(b_hh, bias),
                   h.data(), kept.data(), out.data());
  kernel::gru_step_pullback(batch, hidden, std::as_const(kept).data(), h.data(), g.data(),
                            da.data(), dq.data(), dh.data(), add);
  std::vector<float> all;
  for (const auto* part : {&kept, &out, &da, &dq, &dh})
    for (const T v : *part) all.push_back(static_cast<float>(v));
  return all;
}

}  // namespace

TEST_CASE("steps of LSTM and GRU are their twins", "[kernels]") {
  for (const std::int64_t batch : {0, 1, 3})
    for (const std::int64_t hidden : {0, 1, 5, 7, 8, 16, 17, 20, 31, 33})
      for (const bool bias : {false, true})
        for (const bool flag : {false, true}) {
          const auto expected_lstm = lstm<double>(batch, hidden, bias, flag);
          const auto expected_gru = gru<double>(batch, hidden, bias, flag);
          for_each_simd([&] {
            INFO(batch << " x " << hidden << ", bias " << bias << ", flag " << flag);
            CHECK(difference(lstm<float>(batch, hidden, bias, flag), expected_lstm) < 2e-6);
            CHECK(difference(gru<float>(batch, hidden, bias, flag), expected_gru) < 2e-6);
          });
        }
}

TEST_CASE("a step leaves out the gradient of h where none is wanted", "[kernels]") {
  constexpr std::int64_t n = 17;
  const auto kept = noise(1, 4 * n), h = noise(2, n), g = noise(3, n);
  std::vector<float> da(3 * n), dq(3 * n), da2 = da, dq2 = dq, dh(n);
  for_each_simd([&] {
    kernel::gru_step_pullback(1, n, kept.data(), h.data(), g.data(), da.data(), dq.data(),
                              static_cast<float*>(nullptr), false);
    kernel::gru_step_pullback(1, n, kept.data(), h.data(), g.data(), da2.data(), dq2.data(),
                              dh.data(), false);
    CHECK(same_bits(da, da2));
    CHECK(same_bits(dq, dq2));
  });
}

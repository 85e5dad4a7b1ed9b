// Panels of columns against their plain loops in float64: units and rows that fill register tiles
// and leave a rest, strides, and columns whose bits do not depend on where they stand.
#include "kernels/panels.hpp"

#include "support/simd.hpp"

using namespace metatape;
using kernel::panel;
using kernel::PanelPair;
using kernel::PanelRows;

namespace {

template <class T>
std::vector<T> as(const std::vector<float>& x) {
  return {x.begin(), x.end()};
}
template <class T>
std::vector<T> numbers(std::uint32_t seed, std::int64_t n) {
  return as<T>(noise(seed, n));
}

template <class T>
std::vector<float> lstm(std::int64_t in, std::int64_t hidden, bool bias, bool next, bool keep) {
  const std::int64_t stride = 96, size = hidden * panel;
  const auto x = numbers<T>(1, in * stride), h = numbers<T>(2, hidden * stride);
  const auto c = numbers<T>(3, hidden * stride), w_ih = numbers<T>(4, 4 * hidden * in);
  const auto w_hh = numbers<T>(5, 4 * hidden * hidden), b = numbers<T>(6, 4 * hidden);
  const auto g = numbers<T>(7, hidden * stride), dh = numbers<T>(8, size);
  auto gates = numbers<T>(9, 4 * size), cell = numbers<T>(10, size), out = cell;
  auto dc = numbers<T>(11, size), dz = gates;
  const auto rows = [&](const std::vector<T>& v) { return PanelRows<const T>{v.data(), stride}; };
  kernel::panel_lstm(
      kernel::PanelLstm<T>{in, hidden, w_ih.data(), w_hh.data(), bias ? b.data() : nullptr},
      rows(x), rows(h), rows(c), keep ? gates.data() : nullptr, PanelRows<T>{cell.data()},
      PanelRows<T>{out.data()});
  kernel::panel_lstm_pullback(hidden, std::as_const(gates).data(), rows(c),
                              PanelRows<const T>{cell.data()}, rows(g), next ? dh.data() : nullptr,
                              PanelRows<const T>{dc.data()}, PanelRows<T>{dc.data()}, dz.data());
  std::vector<float> all;
  for (const auto* part : {&gates, &cell, &out, &dc, &dz})
    for (const T v : *part) all.push_back(static_cast<float>(v));
  return all;
}

template <class T>
std::vector<float> products(std::int64_t rows, std::int64_t k, bool bias, bool add) {
  const std::int64_t stride = 80;
  const auto w = numbers<T>(1, rows * k), b = numbers<T>(2, rows), x = numbers<T>(3, k * stride);
  const auto g = numbers<T>(4, 2 * rows * panel);
  auto y = numbers<T>(5, rows * panel), turned = numbers<T>(6, k * stride), dw = w, db = b;
  const PanelRows<const T> xs{x.data(), stride};
  kernel::panel_multiply(rows, k, w.data(), bias ? b.data() : nullptr, xs, PanelRows<T>{y.data()});
  kernel::panel_multiply_turned(rows, k, w.data(), g.data(), PanelRows<T>{turned.data(), stride},
                                add);
  const std::vector<PanelPair<T>> pairs{{g.data(), xs}, {g.data() + rows * panel, xs}};
  const std::span<const PanelPair<T>> all_pairs(pairs);
  T* const none = nullptr;
  auto dw_alone = dw, db_alone = db;
  kernel::panel_outer(rows, k, all_pairs, dw.data(), db.data());
  kernel::panel_outer(rows, k, all_pairs, dw_alone.data(), none);
  kernel::panel_outer(rows, k, all_pairs, none, db_alone.data());
  CHECK((dw_alone == dw && db_alone == db));
  std::vector<float> all;
  for (const auto* part : {&y, &turned, &dw, &db})
    for (const T v : *part) all.push_back(static_cast<float>(v));
  return all;
}

}  // namespace

TEST_CASE("a step of an LSTM over a panel is its twin", "[kernels]") {
  for (const std::int64_t in : {0, 1, 2, 5, 20})
    for (const std::int64_t hidden : {0, 1, 3, 5, 20})
      for (const bool flag : {false, true}) {
        const auto expected = lstm<double>(in, hidden, flag, !flag, in % 2 == 0);
        for_each_simd([&] {
          INFO(in << " x " << hidden << ", flag " << flag);
          CHECK(difference(lstm<float>(in, hidden, flag, !flag, in % 2 == 0), expected) < 4e-6);
        });
      }
}

TEST_CASE("products over a panel are their twins", "[kernels]") {
  for (const std::int64_t rows : {0, 1, 2, 3, 4, 6, 7, 80})
    for (const std::int64_t k : {0, 1, 2, 3, 4, 5, 7, 8, 9, 20})
      for (const bool flag : {false, true}) {
        const auto expected = products<double>(rows, k, flag, flag);
        for_each_simd([&] {
          INFO(rows << " x " << k << ", flag " << flag);
          CHECK(difference(products<float>(rows, k, flag, flag), expected) < 2e-5);
        });
      }
}

TEST_CASE("sigmoid and tanh over a panel are within 2e-7, and pass NaN and infinity", "[kernels]") {
  // One unit whose gates see x alone: i = sigmoid(x), g = 1, f = 0; then c = sigmoid(x).
  const std::vector<float> w{1, 0, 0, 0}, none(4), b{0, -200, 200, 200};
  for_each_simd([&] {
    double worst = 0;
    for (float from = -100; from < 100; from += 0.37f) {
      std::vector<float> x(panel), zero(panel), c(panel), h(panel);
      for (std::size_t j = 0; j < x.size(); ++j)
        x[j] = from + 0.37f * static_cast<float>(j) / panel;
      kernel::panel_lstm({1, 1, w.data(), none.data(), b.data()}, {x.data()}, {zero.data()},
                         {zero.data()}, nullptr, {c.data()}, {h.data()});
      for (std::size_t j = 0; j < x.size(); ++j) {
        const double sigmoid = 1 / (1 + std::exp(-static_cast<double>(x[j])));
        worst =
            std::max({worst, std::abs(static_cast<double>(c[j]) - sigmoid),
                      std::abs(static_cast<double>(h[j]) - std::tanh(static_cast<double>(c[j])))});
      }
    }
    CHECK(worst < 2e-7);
    std::vector<float> x(panel), zero(panel), c(panel), h(panel);
    x[0] = NAN, x[1] = INFINITY, x[2] = -INFINITY;
    kernel::panel_lstm({1, 1, w.data(), none.data(), b.data()}, {x.data()}, {zero.data()},
                       {zero.data()}, nullptr, {c.data()}, {h.data()});
    CHECK(std::isnan(c[0]));
    CHECK(std::isnan(h[0]));
  });
}

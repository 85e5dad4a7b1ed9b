#include "rates.hpp"

#include <cblas.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <memory>
#include <vector>

#include "filled.hpp"
#include "peak.hpp"

namespace bench {

using namespace metatape;

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The best rate of work(worker), which does so many `units`, every worker doing the same at once.
template <class Work>
double best_rate(Threads& threads, double units, const Work& work) {
  // s: long beside a region's start, and on a machine that does other things too some runs are
  // shorter than its turns.
  constexpr double run = 0.002;
  constexpr int runs = 25;
  std::int64_t calls = 1;
  while (true) {
    const auto start = std::chrono::steady_clock::now();
    for (std::int64_t i = 0; i < calls; ++i) work(0);
    const double spent = seconds_since(start);
    if (spent >= run / 4) {
      calls = std::max<std::int64_t>(1, std::llround(static_cast<double>(calls) * run / spent));
      break;
    }
    calls *= 2;
  }
  double best = 0;
  for (int r = 0; r < runs; ++r) {
    const auto start = std::chrono::steady_clock::now();
    threads.run(threads.count(), [&](std::int64_t block, int) {
      for (std::int64_t i = 0; i < calls; ++i) work(block);
    });
    const double spent = seconds_since(start);
    best = std::max(best, units * static_cast<double>(calls * threads.count()) / spent);
  }
  return best;
}

// One of something for each thread, which no other touches.
template <class T>
using Each = std::vector<std::unique_ptr<T>>;

template <class T>
double multiply_add_rate(Threads& threads) {
  constexpr std::int64_t rounds = 10000;
  const double units = multiply_add(rounds, T{1});
  std::vector<T> seeds(static_cast<std::size_t>(threads.count()), T{1});
  return best_rate(threads, units, [&](std::int64_t at) {
    const double done = multiply_add(rounds, seeds[static_cast<std::size_t>(at)]);
    if (done != units) throw DataError("--floors: sums of numbers below 1e5 are not numbers");
  });
}

// `step` on a tape without a way back.
template <class Step>
double tape_rate(Threads& threads, double units, const Step& step) {
  Each<Tape> tapes;
  for (int i = 0; i < threads.count(); ++i) tapes.push_back(std::make_unique<Tape>(Recording::off));
  return best_rate(threads, units, [&](std::int64_t at) {
    Tape& tape = *tapes[static_cast<std::size_t>(at)];
    step(tape);
    tape.clear();
  });
}

// A cell of one unit that sees one number has eight multiply-adds beside its five functions.
double cell_rate(Threads& threads, DType dtype) {
  constexpr std::int64_t steps = 16, columns = 1024;
  const Tensor x = filled(1, {steps, 1, columns}, 1, 0, dtype);
  const Tensor w_ih = filled(2, {4, 1}, 1, 0, dtype), w_hh = filled(3, {4, 1}, 1, 0, dtype);
  const Tensor bias = filled(4, {4}, 1, 0, dtype), zero = Tensor::zeros({1, columns}, dtype);
  return tape_rate(threads, 5.0 * steps * columns, [&](Tape& tape) {
    const Var start = tape.constant(zero);
    lstm_columns(tape.constant(x), {start, start}, tape.constant(w_ih), tape.constant(w_hh),
                 tape.constant(bias));
  });
}

template <class Function>
double function_rate(Threads& threads, DType dtype, const Function& function) {
  constexpr std::int64_t n = 16384;
  const Tensor x = filled(1, {n}, 3, 0, dtype);
  return tape_rate(threads, n, [&](Tape& tape) { function(tape.constant(x)); });
}

void blas_product(std::int64_t n, const float* a, const float* b, float* y) {
  const auto size = static_cast<blasint>(n);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, size, size, size, 1, a, size, b, size, 0,
              y, size);
}
void blas_product(std::int64_t n, const double* a, const double* b, double* y) {
  const auto size = static_cast<blasint>(n);
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, size, size, size, 1, a, size, b, size, 0,
              y, size);
}

// A product of its own for each thread: BLAS runs on one while Threads live.
template <class T>
double product_rate(Threads& threads) {
  constexpr std::int64_t n = 512;
  Each<std::vector<T>> rooms;
  for (int i = 0; i < threads.count(); ++i)
    rooms.push_back(std::make_unique<std::vector<T>>(3 * n * n, T(0.5)));
  return best_rate(threads, 2.0 * n * n * n, [&](std::int64_t at) {
    T* const a = rooms[static_cast<std::size_t>(at)]->data();
    blas_product(n, a, a + n * n, a + 2 * n * n);
  });
}

// Three arrays of together so many bytes a thread.
double triad_rate(Threads& threads, double bytes) {
  const auto n = static_cast<std::int64_t>(bytes / (3 * sizeof(float)));
  Each<std::vector<float>> rooms;
  for (int i = 0; i < threads.count(); ++i)
    rooms.push_back(std::make_unique<std::vector<float>>(static_cast<std::size_t>(3 * n), 0.5f));
  return best_rate(threads, 3.0 * sizeof(float) * static_cast<double>(n), [&](std::int64_t at) {
    float* const a = rooms[static_cast<std::size_t>(at)]->data();
    triad(a, a + n, a + 2 * n, n);
  });
}

// Bytes of the cache of that level that core 0 sees, or `standard` where the system does not say.
double cache_bytes(int level, double standard) {
  for (int index = 0; index < 8; ++index) {
    const std::string folder =
        "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    int found = 0;
    std::string kind;
    double size = 0;
    char unit = 0;
    if (!(std::ifstream(folder + "level") >> found) || found != level) continue;
    if (!(std::ifstream(folder + "type") >> kind) || kind == "Instruction") continue;
    if (std::ifstream(folder + "size") >> size >> unit)
      return size * (unit == 'M' ? 1 << 20 : 1 << 10);
  }
  return standard;
}

}  // namespace

double Rates::bandwidth(double resident) const {
  return resident <= l2_bytes * threads ? l2 : resident <= l3_bytes ? l3 : memory;
}
const char* Rates::level(double resident) const {
  return resident <= l2_bytes * threads ? "L2" : resident <= l3_bytes ? "L3" : "memory";
}

Rates measured_rates(int count, DType dtype) {
  Threads threads(count);
  Rates r{.threads = count, .dtype = dtype, .simd = simd_name()};
  r.l2_bytes = cache_bytes(2, 1 << 20);
  r.l3_bytes = std::max(cache_bytes(3, 0), r.l2_bytes * count);
  r.multiply_add_f32 = multiply_add_rate<float>(threads);
  r.multiply_add_f64 = multiply_add_rate<double>(threads);
  r.cell = cell_rate(threads, dtype);
  r.exp = function_rate(threads, dtype, [](Var x) { return exp(x); });
  r.tanh = function_rate(threads, dtype, [](Var x) { return tanh(x); });
  r.product = dtype == DType::f32 ? product_rate<float>(threads) : product_rate<double>(threads);
  r.l2 = triad_rate(threads, r.l2_bytes / 2);
  r.l3 = triad_rate(threads, std::max(r.l3_bytes / 4 / count, 2 * r.l2_bytes));
  r.memory = triad_rate(threads, std::clamp(4 * r.l3_bytes, 128e6, 512e6) / count);
  return r;
}

}  // namespace bench

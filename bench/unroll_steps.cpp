// metatape-unroll-steps: what each step of an exact unroll costs.
// Gradient descent on a small network is recorded on one tape that only grows; each step's gradient
// is recorded with it, to be differentiated again. The gradient of step 100 must cost what that of
// step 1 costs: its sweep looks at no record older than θ_100.
//
//     metatape-unroll-steps [STEPS [ROUNDS]]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <metatape/autodiff.hpp>

namespace {

using namespace metatape;

double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

double median(std::vector<double> v) {
  std::ranges::sort(v);
  return v.empty() ? 0 : v[v.size() / 2];
}

// Milliseconds of each step's recorded gradient; what the tape held after each.
void unroll(Tape& tape, const Params& start, const Tensor& x, const Indices& labels,
            std::vector<std::vector<double>>& times, std::vector<std::int64_t>& records) {
  tape.clear();
  Bound theta = bind(tape, start);
  const Var images = tape.constant(x);
  for (std::size_t t = 0; t < times.size(); ++t) {
    const Var hidden = linear(images, theta["w1"], theta["b1"], Activation::sigmoid);
    const Var loss = softmax_cross_entropy(linear(hidden, theta["w2"], theta["b2"]), labels);
    const auto before = std::chrono::steady_clock::now();
    const Bound gradient = recorded_grad(loss, theta);
    times[t].push_back(milliseconds_since(before));
    theta = theta - 0.1 * gradient;
    records[t] = tape.size();
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int steps = argc > 1 ? std::atoi(argv[1]) : 100,
            rounds = argc > 2 ? std::atoi(argv[2]) : 21;
  if (argc > 3 || steps < 1 || rounds < 1) {
    std::fprintf(stderr, "usage: metatape-unroll-steps [STEPS [ROUNDS]]\n");
    return 2;
  }
  // The MLP on images of 784 pixels, 15,910 parameters, batch 128.
  const Params start({{"w1", normal({20, 784}, Key{1}, DType::f32)},
                      {"b1", Tensor::zeros({20})},
                      {"w2", normal({10, 20}, Key{2}, DType::f32)},
                      {"b2", Tensor::zeros({10})}});
  const Tensor x = uniform({128, 784}, Key{3}, 0, 1, DType::f32);
  std::vector<std::int32_t> classes(128);
  for (std::size_t i = 0; i < classes.size(); ++i) classes[i] = static_cast<std::int32_t>(i % 10);
  const Indices labels(std::move(classes));

  std::vector<std::vector<double>> times(static_cast<std::size_t>(steps));
  std::vector<std::int64_t> records(times.size());
  Tape tape;
  unroll(tape, start, x, labels, times, records);  // touches the memory
  for (auto& t : times) t.clear();
  for (int r = 0; r < rounds; ++r) unroll(tape, start, x, labels, times, records);

  std::printf("step  records  gradient_ms (median of %d rounds)\n", rounds);
  std::vector<double> early, late;
  const std::size_t tenth = std::max<std::size_t>(1, times.size() / 10);
  for (std::size_t t = 0; t < times.size(); ++t) {
    const double ms = median(times[t]);
    std::printf("%4zu  %7lld  %.4f\n", t + 1, static_cast<long long>(records[t]), ms);
    if (t < tenth) early.push_back(ms);
    if (t + tenth >= times.size()) late.push_back(ms);
  }
  std::printf("last %zu steps against first %zu: %.3f\n", tenth, tenth,
              median(late) / median(early));
  return 0;
}

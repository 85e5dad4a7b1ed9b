// allocations.cpp: after the first step, a loop of bind, loss and gradient in a Scope calls malloc
// not once. Counted, not timed: this program puts its own malloc and its kin before the C library's
// (new, OpenBLAS and threads use it too). A program of its own for that reason; not built with
// sanitizers, which do the same. Ends with `N passed, N failed`.
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <string>

#include "metatape/autodiff.hpp"

namespace {

std::atomic<bool> counting{false};
std::atomic<long> calls{0};

void count() {
  if (counting.load(std::memory_order_relaxed)) calls.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t bytes) noexcept {
  count();
  return __libc_malloc(bytes);
}
void* calloc(std::size_t n, std::size_t bytes) noexcept {
  count();
  return __libc_calloc(n, bytes);
}
void* realloc(void* block, std::size_t bytes) noexcept {
  count();
  return __libc_realloc(block, bytes);
}
void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
  count();
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  count();
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** block, std::size_t alignment, std::size_t bytes) noexcept {
  count();
  *block = __libc_memalign(alignment, bytes);
  return *block ? 0 : ENOMEM;
}
}

namespace {

using namespace metatape;

struct Loop {
  std::string name;
  Params params;
  std::function<Var(Tape&, const Bound&)> loss;
};

Loop multilayer_perceptron() {
  const Tensor x = normal({32, 20}, Key{1});
  std::vector<std::int32_t> labels(32);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int32_t>(i % 5);
  return {"multilayer perceptron",
          Params({{"w1", normal({64, 20}, Key{2})},
                  {"b1", Tensor::zeros({64})},
                  {"w2", normal({5, 64}, Key{3})},
                  {"b2", Tensor::zeros({5})}}),
          [x, y = Indices(std::move(labels))](Tape& tape, const Bound& p) {
            const Var hidden = linear(tape.constant(x), p["w1"], p["b1"], Activation::tanh);
            const Var logits = matmul(hidden, p["w2"], Transpose::no, Transpose::yes) + p["b2"];
            return softmax_cross_entropy(logits, y) + 0.01 * sum(square(p["w1"]));
          }};
}

Loop convolutional_net() {
  const Tensor images = normal({6, 14, 14, 1}, Key{1});
  return {"convolutional net",
          Params({{"w1", normal({8, 1, 3, 3}, Key{2})},
                  {"gamma", Tensor::full({8}, 1)},
                  {"beta", Tensor::zeros({8})},
                  {"w2", normal({16, 8, 3, 3}, Key{3})}}),
          [images](Tape& tape, const Bound& p) {
            Var x = conv2d(tape.constant(images), p["w1"], {.padding = {1, 1}});
            x = max_pool2d(relu(batch_norm(x, p["gamma"], p["beta"])));
            x = conv2d(x, p["w2"], {.stride = {2, 2}});
            return mean(square(global_average_pool2d(gelu(x))));
          }};
}

Loop recurrent_net() {
  const Tensor x = normal({7, 4, 3}, Key{1});
  return {"recurrent net",
          Params({{"ih", normal({20, 3}, Key{2})},
                  {"hh", normal({20, 5}, Key{3})},
                  {"b", Tensor::zeros({20})}}),
          [x](Tape& tape, const Bound& p) {
            const Var zero = tape.constant(Tensor::zeros({4, 5}));
            const LstmOutput out = lstm(tape.constant(x), {zero, zero}, p["ih"], p["hh"], p["b"]);
            return mean(square(out.outputs)) + mean(abs(out.last.c));
          }};
}

// What few-shot networks are made of: convolutions wide enough for tiles of pixels, statistics,
// norm, relu and pool in one op.
Loop fused_blocks() {
  const Tensor images = normal({5, 12, 12, 1}, Key{1});
  return {"fused blocks",
          Params({{"w1", normal({16, 1, 3, 3}, Key{2})},
                  {"w2", normal({16, 16, 3, 3}, Key{3})},
                  {"gamma", Tensor::full({16}, 1)},
                  {"beta", Tensor::zeros({16})}}),
          [images](Tape& tape, const Bound& p) {
            Var x = tape.constant(images);
            for (const char* weight : {"w1", "w2"}) {
              x = conv2d(x, p[weight], {.padding = {1, 1}});
              x = batch_norm_relu_pool(x, p["gamma"], p["beta"]);
            }
            return mean(square(x));
          }};
}

// What learned optimizers are made of, and the other recurrent cell.
Loop cells() {
  const Tensor x = normal({6, 2, 70}, Key{1});
  return {"cells",
          Params({{"ih", normal({20, 2}, Key{2})},
                  {"hh", normal({20, 5}, Key{3})},
                  {"b", Tensor::zeros({20})},
                  {"out", normal({1, 5}, Key{4})},
                  {"gru_ih", normal({15, 5}, Key{5})},
                  {"gru_hh", normal({15, 5}, Key{6})},
                  {"gru_b", Tensor::zeros({15})}}),
          [x](Tape& tape, const Bound& p) {
            const Var zero = tape.constant(Tensor::zeros({5, 70}));
            const LstmOutput run =
                lstm_columns(tape.constant(x), {zero, zero}, p["ih"], p["hh"], p["b"]);
            const Var h = permute(run.last.h, {1, 0});
            return mean(square(linear_columns(run.outputs, p["out"]))) +
                   mean(gru_cell(h, h, p["gru_ih"], p["gru_hh"], p["gru_b"], p["gru_b"]));
          }};
}

// Ops that arrange, reduce, index and solve.
Loop odds_and_ends() {
  return {
      "odds and ends",
      Params({{"a", normal({6, 6}, Key{2}, DType::f64)}, {"v", normal({6}, Key{3}, DType::f64)}}),
      [index = Indices({2, 0, 2})](Tape&, const Bound& p) {
        const Var a = p["a"], v = p["v"];
        const Var spd = matmul(a, a, Transpose::no, Transpose::yes) +
                        a.tape().constant(Tensor::identity(6, DType::f64));
        const Var solved = triangular_solve(cholesky(spd), v);
        const Var moved = concat({slice(a, 1, 0, 4, 2), flip(gather(a, index, 1), 0)}, 1);
        return sum(solved) + logsumexp(moved) + variance(cumsum(a)) + max(permute(a, {1, 0})) +
               norm(sum(a, 0)) + dot(v, v);
      }};
}

// Calls of malloc in one step after two warm ones.
long calls_of(const Loop& loop, Threads* threads) {
  Tape tape({.threads = threads});
  Params gradient = Params::zeros(loop.params.layout(), loop.params.dtype());
  double last = 0;
  const auto step = [&] {
    const Tape::Scope scope(tape);
    const Bound p = bind(tape, loop.params);
    const Var loss = loop.loss(tape, p);
    grad_into(loss, p, gradient);
    last += loss.item();
  };
  step();
  step();
  calls = 0;
  counting = true;
  for (int i = 0; i < 10; ++i) step();
  counting = false;
  return last == last ? calls.load() : -1;
}

}  // namespace

int main() {
  // The counter itself counts.
  counting = true;
  ::operator delete(::operator new(100));
  counting = false;
  int passed = 0, failed = 0;
  const bool works = calls.load() > 0;
  (works ? passed : failed)++;
  std::printf("%-4s malloc is counted\n", works ? "ok" : "FAIL");

  Threads two(2);
  for (const Loop& loop : {multilayer_perceptron(), convolutional_net(), fused_blocks(),
                           recurrent_net(), cells(), odds_and_ends()})
    for (Threads* threads : {static_cast<Threads*>(nullptr), &two}) {
      const long found = calls_of(loop, threads);
      (found == 0 ? passed : failed)++;
      std::printf("%-4s %s on %s: %ld calls of malloc in 10 steps\n", found == 0 ? "ok" : "FAIL",
                  loop.name.c_str(), threads ? "2 threads" : "1 thread", found);
    }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}

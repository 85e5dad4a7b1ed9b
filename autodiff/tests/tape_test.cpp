// The tape itself: records, handles, scopes, memory, errors.
#include "support/catch.hpp"

#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "metatape/autodiff.hpp"
#include "metatape/autodiff/rule.hpp"

using namespace metatape;

TEST_CASE("a gradient is taken of a small expression", "[tape]") {
  Tape tape;
  const Var x = tape.variable(Tensor({2}, {1.0f, 2.0f}));
  const Var loss = sum(square(x));
  CHECK(loss.item() == Approx(5));
  CHECK(grad(loss, x).to_vector() == std::vector<double>{2, 4});
}

TEST_CASE("an input on which the loss does not depend gets zeros", "[tape]") {
  Tape tape;
  const Var x = tape.variable(Tensor({2}, {1.0f, 2.0f})), y = tape.variable(Tensor({1}, {3.0f}));
  CHECK(grad(sum(x), y).to_vector() == std::vector<double>{0});
  CHECK(recorded_grad(sum(x), y).value().to_vector() == std::vector<double>{0});
}

TEST_CASE("the same input asked for twice is answered twice", "[tape]") {
  Tape tape;
  const Var x = tape.variable(Tensor({1}, {3.0f}));
  const auto g = grad(sum(x * x), {x, x});
  CHECK(g[0].item() == Approx(6));
  CHECK(g[1].item() == Approx(6));
}

TEST_CASE("an interior record can be an input, and is still gone through", "[tape]") {
  Tape tape;
  const Var x = tape.variable(Tensor({1}, {3.0f}));
  const Var y = x * 2.0;
  const Var z = y * y;
  const auto g = grad(sum(z), {y, x, z});
  CHECK(g[0].item() == Approx(12));
  CHECK(g[1].item() == Approx(24));
  CHECK(g[2].item() == Approx(1));
}

TEST_CASE("a view's gradient is its own, also beside its parent's", "[tape]") {
  Tape tape;
  const Var x = tape.variable(Tensor({4}, {1.0f, 2.0f, 3.0f, 4.0f}));
  const Var v = view_range(x, 1, {2});
  const Var loss = sum(v * 10.0) + sum(x);
  const auto g = grad(loss, {v, x});
  CHECK(g[0].to_vector() == std::vector<double>{10, 10});
  CHECK(g[1].to_vector() == std::vector<double>{1, 11, 11, 1});
  const Var r = reshape(x, {2, 2});
  const auto h = grad(sum(r) + sum(x), {r, x});
  CHECK(h[0].to_vector() == std::vector<double>{1, 1, 1, 1});
  CHECK(h[1].to_vector() == std::vector<double>{2, 2, 2, 2});
}

TEST_CASE("overlapping views add up in their parent", "[tape]") {
  Tape tape;
  const Var x = tape.variable(Tensor({3}, {1.0f, 2.0f, 3.0f}));
  const Var loss = sum(square(view_range(x, 0, {2}))) + sum(square(view_range(x, 1, {2})));
  CHECK(grad(loss, x).to_vector() == std::vector<double>{2, 8, 6});
  CHECK(recorded_grad(loss, x).value().to_vector() == std::vector<double>{2, 8, 6});
  CHECK(hessian(loss, x).to_vector() == std::vector<double>{2, 0, 0, 0, 4, 0, 0, 0, 2});
}

namespace {

// y = a b; its pullback takes both adjoints first, and writes the second before the first.
struct LastFirst {
  static constexpr const char* name = "last_first";
  template <Scalar T>
  static void forward(const Forward& c) {
    for (std::int64_t i = 0; i < c.size(); ++i)
      c.output<T>()[i] = c.input<T>(0)[i] * c.input<T>(1)[i];
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    bool fresh[2];
    T* const d[2] = {c.adjoint<T>(0, fresh[0]), c.adjoint<T>(1, fresh[1])};
    for (const int k : {1, 0})
      for (std::int64_t i = 0; i < c.size(); ++i)
        d[k][i] = (fresh[k] ? T{0} : d[k][i]) + c.gradient<T>()[i] * c.input<T>(1 - k)[i];
  }
  static void recorded(const Recorded& c) {
    c.add(0, c.gradient() * c.input(1));
    c.add(1, c.gradient() * c.input(0));
  }
};

}  // namespace

TEST_CASE("views of one record may be used in any order, apart, overlapping and twice", "[tape]") {
  // Adjoints of views are ranges of one adjoint, of which the sweep knows what has values; the
  // recorded sweep pads each with zeros instead.
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    INFO("seed " << seed);
    Random random(Key(seed).split("choices"));
    Tape tape;
    const Var x = tape.variable(uniform({12}, Key(seed).split("x"), -1, 1, DType::f64));
    const Var y = sin(x), seen = view_range(y, 3, {5});
    std::vector<Var> terms;
    for (int k = 0; k < 4; ++k) {
      const std::int64_t n = random.below(12);
      const auto some = [&] {
        const Var of = random.below(4) == 0 ? x : y;
        if (random.below(6) == 0 && n >= 2)
          return view_range(view_range(of, 12 - n, {n}), 1, {n - 1});
        return view_range(of, random.below(13 - n), {n});
      };
      Var a = some(), b = some();
      if (random.below(5) == 0) b = a;
      switch (random.below(4)) {
        case 0:
          terms.push_back(sum(exp(concat({some(), a, some(), b, some(), some()}))));
          break;
        case 1:
          terms.push_back(sum(exp(concat({y, a, seen, b}))));
          break;
        case 2:
          terms.push_back(sum(exp(matmul(reshape(a, {a.size(), 1}), reshape(b, {1, b.size()})))));
          break;
        default:
          if (a.size() == b.size()) terms.push_back(sum(record<LastFirst>({a, b}, a.shape())));
      }
    }
    if (terms.empty()) continue;
    const Var loss = sum(stack(terms));
    const std::vector<Var> inputs{x, y, seen};
    const std::vector<Tensor> fast = grad(loss, inputs);
    const std::vector<Var> recorded = recorded_grad(loss, inputs);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const auto a = fast[i].to_vector(), b = recorded[i].value().to_vector();
      for (std::size_t e = 0; e < a.size(); ++e) CHECK(a[e] == Approx(b[e]).epsilon(1e-12));
    }
  }
}

TEST_CASE("a loss that is itself a view", "[tape]") {
  Tape tape;
  const Var x = tape.variable(Tensor({3}, {1.0f, 2.0f, 3.0f}));
  CHECK(grad(row(x * x, 1), x).to_vector() == std::vector<double>{0, 4, 0});
  CHECK(grad(row(x, 1), x).to_vector() == std::vector<double>{0, 1, 0});
}

TEST_CASE("a function of several records that throws leaves none", "[tape]") {
  Tape tape;
  const Var x = tape.variable(Tensor({2}, {1.0f, 2.0f}));
  const Var y = tape.variable(Tensor({2}, {1.0, 2.0}));
  const std::int64_t before = tape.size();
  const std::size_t used = tape.memory().used;
  CHECK_THROWS_AS(where(x, x, y), DTypeError);
  CHECK_THROWS_AS(straight_through(x, y), DTypeError);
  CHECK(tape.size() == before);
  CHECK(tape.memory().used == used);
  {
    const Undo undo(x, "test");  // not while another error is on its way through
    const Var z = exp(x) * 2.0;
    CHECK(z.valid());
  }
  CHECK(tape.size() == before + 2);
}

TEST_CASE("stale handles are errors, never wild reads", "[tape]") {
  Var kept;
  {
    Tape tape;
    const Var x = tape.variable(Tensor({1}, {1.0f}));
    Var inside;
    {
      const Tape::Scope scope(tape);
      inside = x * 2.0;
      CHECK(inside.valid());
    }
    CHECK_FALSE(inside.valid());
    REQUIRE_THROWS_WITH(
        inside.value(),
        "value: a Var whose record is gone: its scope was rewound or its tape died");
    const Var other = x * 3.0;  // takes the same place
    CHECK(other.item() == Approx(3));
    CHECK_FALSE(inside.valid());
    REQUIRE_THROWS_AS(inside + x, TapeError);
    kept = x;
  }
  CHECK_FALSE(kept.valid());
  REQUIRE_THROWS_AS(kept.shape(), TapeError);
  const Tape another;  // may be given the dead tape's anchor
  CHECK_FALSE(kept.valid());
  REQUIRE_THROWS_WITH(Var{}.shape(), "shape: a Var that refers to nothing");
}

TEST_CASE("Vars of two tapes do not mix, nor do types", "[tape]") {
  Tape a, b;
  const Var x = a.variable(Tensor({1}, {1.0f})), y = b.variable(Tensor({1}, {1.0f}));
  REQUIRE_THROWS_WITH(x + y, "add: Vars of two tapes");
  const Var z = a.variable(Tensor({1}, {1.0}));
  REQUIRE_THROWS_WITH(x + z, "add: f32 and f64 do not mix; cast one of them");
  CHECK(a.size() == 2);  // what threw left nothing behind
}

TEST_CASE("gradients that make no sense are refused", "[tape]") {
  Tape tape;
  const Var x = tape.variable(Tensor({2}, {1.0f, 2.0f})), c = tape.constant(Tensor({1}, {1.0f}));
  REQUIRE_THROWS_WITH(grad(x * 2.0, x),
                      "grad: the loss has shape [2]: one element is needed (sum or mean it, or use "
                      "vector_jacobian)");
  REQUIRE_THROWS_WITH(grad(sum(x), {x, c}),
                      "grad: input 1, [1], is a constant: it has no gradient");
  Tape silent{Recording::off};
  const Var y = silent.variable(Tensor({1}, {1.0f}));
  REQUIRE_THROWS_WITH(grad(y, y), "grad: this tape does not record (Recording::off)");
}

TEST_CASE("scopes give memory and kept objects back", "[tape]") {
  Tape tape;
  const auto watched = std::make_shared<int>(7);
  const Var x = tape.variable(Tensor({1}, {1.0f}));
  const std::size_t used = tape.memory().used;
  {
    const Tape::Scope scope(tape);
    CustomOp op;
    op.forward = [watched](std::span<const Tensor> in) { return in[0]; };
    const Var y = apply(op, {x});
    CHECK(watched.use_count() > 1);
    CHECK(y.item() == Approx(1));
  }
  CHECK(tape.memory().used == used);
  CHECK(watched.use_count() == 1);
}

TEST_CASE("the second step reserves nothing new", "[tape]") {
  Tape tape;
  const Tensor start = normal({300, 70}, Key{3});
  const auto step = [&] {
    const Tape::Scope scope(tape);
    const Var x = tape.variable(start);
    return grad(mean(square(tanh(matmul(x, x, Transpose::no, Transpose::yes)))), x);
  };
  const Tensor first = step();
  const std::size_t reserved = tape.memory().reserved;
  for (int i = 0; i < 5; ++i) CHECK(identical(step(), first));
  CHECK(tape.memory().reserved == reserved);
  CHECK(tape.memory().used == 0);
  CHECK(tape.memory().peak > 300 * 300 * 4);
}

TEST_CASE("values of Recording::off live until their scope ends, and no activation is kept",
          "[tape]") {
  const Tensor start = normal({64, 64}, Key{3});
  const auto peak = [&](Recording recording) {
    Tape tape{recording};
    const Var x = tape.variable(start);
    const Var y = sum(log_softmax(x));
    CHECK(y.valid());
    return tape.memory().used;
  };
  CHECK(peak(Recording::off) <= peak(Recording::on));
}

TEST_CASE("stop_gradient cuts, and shares the value", "[tape]") {
  Tape tape;
  const Var x = tape.variable(Tensor({1}, {3.0f}));
  CHECK(grad(sum(x * stop_gradient(x)), x).item() == Approx(3));
  CHECK_FALSE(stop_gradient(x).differentiable());
}

TEST_CASE("anomaly detection names the op that first made a NaN", "[tape]") {
  Tape tape{TapeOptions{.check_finite = true}};
  const Var x = tape.variable(Tensor({2}, {1.0f, -1.0f}));
  REQUIRE_THROWS_WITH(log(x), "log: record 1, [2]: element 1 is nan");
  CHECK(tape.size() == 1);  // what threw left nothing behind
  REQUIRE_THROWS_WITH(exp(x * 1e30), "exp: record 2, [2]: element 0 is infinite");
}

TEST_CASE("anomaly detection names the op whose pullback first made an infinity", "[tape]") {
  Tape tape{TapeOptions{.check_finite = true}};
  const Var x = tape.variable(Tensor({2}, {4.0f, 0.0f}));
  const Var root = sqrt(x), loss = sum(square(root) + root);  // finite; the slope at 0 is not
  REQUIRE_THROWS_WITH(grad(loss, x),
                      "sqrt: pullback of record 1 to input 0 [2]: element 1 is infinite");
  const std::string recorded = [&] {
    try {
      static_cast<void>(recorded_grad(loss, x));
    } catch (const NumericError& error) {
      return std::string(error.what());
    }
    return std::string("nothing was thrown");
  }();
  INFO(recorded);
  CHECK(recorded.find("element 1 is infinite") != std::string::npos);
  CHECK(recorded.ends_with(", in the recorded pullback of sqrt (record 1)"));
}

TEST_CASE("anomaly detection blames a leaf that was not finite, not the op that read it",
          "[tape]") {
  Tape tape{TapeOptions{.check_finite = true}};
  const Var x = tape.variable(Tensor({2}, {1.0f, 2.0f}));
  const Var bad = tape.constant(Tensor({2}, {1.0f, std::numeric_limits<float>::quiet_NaN()}));
  REQUIRE_THROWS_WITH(x * bad,
                      "mul: record 2, [2]: element 1 is nan; its input 1, constant (record 1), was "
                      "already nan at element 1");
  // An infinite bound is no anomaly.
  const Var bound = tape.constant(std::numeric_limits<double>::infinity());
  CHECK(minimum(x, bound).value().to_vector() == std::vector<double>{1, 2});
}

TEST_CASE("a tape prints itself", "[tape]") {
  Tape tape;
  const Var x = tape.variable(Tensor({2}, {1.0f, 2.0f}));
  static_cast<void>(tanh(reshape(x, {1, 2})) + x);
  CHECK(tape.text() ==
        "%0 = variable()  f32[2]  shared\n"
        "%1 = reshape(%0)  f32[1, 2]  shared\n"
        "%2 = tanh(%1)  f32[1, 2]  8 B\n"
        "%3 = add(%2, %0)  f32[1, 2]  8 B\n");
  CHECK(tape.dot() ==
        "digraph tape {\n  rankdir = TB;\n  node [shape = box, fontsize = 10];\n"
        "  n0 [label = \"variable\\nf32[2]\\nshared\"];\n"
        "  n1 [label = \"reshape\\nf32[1, 2]\\nshared\"];\n  n0 -> n1;\n"
        "  n2 [label = \"tanh\\nf32[1, 2]\\n8 B\"];\n  n1 -> n2;\n"
        "  n3 [label = \"add\\nf32[1, 2]\\n8 B\"];\n  n2 -> n3;\n  n0 -> n3;\n}\n");
  Tape timed{TapeOptions{.timed = true}};
  static_cast<void>(tanh(timed.variable(Tensor({1}, {1.0f}))));
  CHECK(timed.text().find(" us") != std::string::npos);
  CHECK(timed.dot().find(" us\"") != std::string::npos);
}

TEST_CASE("a profile counts calls and time by op", "[tape]") {
  Profile profile;
  Tape tape{TapeOptions{.profile = &profile}};
  const Var x = tape.variable(normal({100}, Key{1}));
  static_cast<void>(grad(sum(tanh(tanh(x))), x));
  CHECK(profile.ops.at("tanh").calls == 2);
  CHECK(profile.ops.at("tanh").pullback_s > 0);
  CHECK(profile.ops.at("tanh").bytes >= 800);
}

TEST_CASE("a profile of all counts on tapes that live and that ended, of any thread", "[tape]") {
  const auto work = [](Tape& tape) {
    const Var x = tape.variable(normal({100}, Key{1}));
    static_cast<void>(grad(sum(tanh(x)), x));
  };
  Tape before, kept;
  Profile own;
  std::optional<ProfileAll> outer;
  outer.emplace();
  {
    kept = Tape();
    Threads threads(3);
    threads.run(8, [&](std::int64_t, int) {
      Tape tape;
      work(tape);
    });
    work(kept);
    work(before);  // made when no profile lived
    Tape with_its_own{TapeOptions{.profile = &own}};
    work(with_its_own);
    const ProfileAll inner;
    Tape last;
    work(last);
    CHECK(inner.gathered().ops.at("tanh").calls == 1);
  }
  const Profile all = outer->gathered();
  CHECK(all.ops.at("tanh").calls == 9);
  CHECK(all.ops.at("sum").pullback_s > 0);
  CHECK(all.ops.at("tanh").bytes >= 9 * 400);
  outer.reset();
  work(kept);  // a tape may outlive it
  Tape after;
  work(after);
  CHECK(ProfileAll().gathered().ops.empty());
}

TEST_CASE("a gradient late on a long tape costs what it costs early", "[tape]") {
  // Not timed: the sweep's own memory tells how far it looked.
  Tape tape;
  Var x = tape.variable(Tensor({1}, {0.5f}));
  std::size_t first = 0, last = 0;
  for (int step = 0; step < 200; ++step) {
    const Var y = sum(square(x));
    tape.reset_peak();
    const std::size_t before = tape.memory().used;
    static_cast<void>(grad(y, x));
    const std::size_t cost = tape.memory().peak - before;
    (step == 0 ? first : last) = cost;
    x = x - 0.1 * recorded_grad(y, x);
  }
  CHECK(last == first);
}

TEST_CASE("each step of an exact unroll records as much as the first", "[tape]") {
  Tape tape;
  const Tensor data = normal({5, 3}, Key{1});
  Var x = tape.variable(normal({3, 3}, Key{2}));
  std::int64_t records = 0;
  std::size_t used = 0;
  for (int step = 0; step < 100; ++step) {
    const std::int64_t size_before = tape.size();
    const std::size_t used_before = tape.memory().used;
    x = x - 0.1 * recorded_grad(mean(square(tanh(matmul(data, x)))), x);
    if (step == 0) {
      records = tape.size() - size_before;
      used = tape.memory().used - used_before;
    }
    CHECK(tape.size() - size_before == records);
    // Chunks end where a request does not fit: at most one tensor's worth is lost there.
    CHECK(tape.memory().used - used_before <= used + 1024);
  }
}

// Shapes, tensors, indices, parameters: the values that everything else passes around.
#include "support/catch.hpp"

#include <cmath>
#include <thread>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/indices.hpp"
#include "metatape/autodiff/params.hpp"
#include "metatape/autodiff/tensor.hpp"

using namespace metatape;

TEST_CASE("shapes count, compare, and refuse what cannot be", "[values]") {
  CHECK(Shape{}.size() == 1);
  CHECK(Shape{2, 0, 3}.size() == 0);
  CHECK(Shape{2, 3}[-1] == 3);
  CHECK(Shape{2, 3}.inserted(-1, 1) == Shape{2, 3, 1});
  CHECK(Shape{2, 3}.inserted(0, 4) == Shape{4, 2, 3});
  CHECK(Shape{2, 3}.without(0) == Shape{3});
  CHECK(to_string(Shape{128, 20}) == "[128, 20]");
  REQUIRE_THROWS_WITH((Shape{1, 1, 1, 1, 1, 1, 1}), "shape: 7 axes: at most 6 are supported");
  REQUIRE_THROWS_WITH(Shape{-1}, "shape: extent -1: extents are 0 or more");
  REQUIRE_THROWS_WITH((Shape{std::int64_t{1} << 40, std::int64_t{1} << 40}),
                      "shape: 2 extents multiply to more than 2^62 elements");
  REQUIRE_THROWS_WITH((Shape{2, 3}[2]), "shape: [2, 3]: there is no axis 2");
  REQUIRE_THROWS_WITH(Shape{}[0], "shape: []: a scalar has no axis 0");
}

TEST_CASE("broadcasting follows NumPy's rule", "[values]") {
  CHECK(broadcast(Shape{4, 1, 3}, Shape{2, 1}, "add") == Shape{4, 2, 3});
  CHECK(broadcast(Shape{}, Shape{2, 0}, "add") == Shape{2, 0});
  CHECK(broadcast(Shape{1}, Shape{0}, "add") == Shape{0});
  REQUIRE_THROWS_WITH(broadcast(Shape{2, 3}, Shape{4}, "add"),
                      "add: [2, 3] and [4]: extents 3 and 4 are neither equal nor 1");
}

TEST_CASE("a tensor is a value: writing to a copy leaves the original", "[values]") {
  const Tensor a({2, 2}, {1.0f, 2.0f, 3.0f, 4.0f});
  Tensor b = a;
  CHECK(b.data() == a.data());
  b.mutable_values<float>()[0] = 9;
  CHECK(a.at(0) == 1);
  CHECK(b.at(0) == 9);
  Tensor c = a.rows(1, 2);
  c.mutable_values<float>()[0] = 7;
  CHECK(a.at(2) == 3);
  CHECK(c.to_vector() == std::vector<double>{7, 4});
}

TEST_CASE("a tensor's memory comes back to the next of its size", "[values]") {
  const void* first = nullptr;
  {
    const Tensor t = Tensor::zeros({1000});
    first = t.data();
  }
  CHECK(Tensor::uninitialised({1000}).data() == first);
}

TEST_CASE("tensors refuse what does not fit", "[values]") {
  const Tensor a({2}, {1.0f, 2.0f});
  REQUIRE_THROWS_WITH(Tensor({3}, {1.0f}), "tensor: 1 values for shape [3], which holds 3");
  REQUIRE_THROWS_WITH(a.values<double>(), "tensor: [2] holds f32, read as f64");
  REQUIRE_THROWS_WITH(a.item(), "item: [2]: one element is needed, not 2");
  REQUIRE_THROWS_WITH(a.at(2), "at: position 2 in [2]: 0 to 1 exist");
  REQUIRE_THROWS_WITH(a.reshape({3}), "reshape: [2] to [3]: 2 elements are not 3");
  REQUIRE_THROWS_WITH(a.rows(1, 3), "rows: [1, 3) of [2]: not a range of its leading axis");
}

TEST_CASE("empty and default tensors are harmless", "[values]") {
  Tensor none;
  CHECK(none.size() == 0);
  CHECK(none.values<float>().empty());
  CHECK(none.mutable_values<float>().empty());
  CHECK(identical(none, Tensor::zeros({0})));
  CHECK(Tensor::zeros({0, 3}).rows(0, 0).shape() == Shape{0, 3});
  const Tensor moved = std::move(none);
  CHECK(moved.size() == 0);
}

TEST_CASE("types convert, identity and ranges are what they say", "[values]") {
  CHECK(Tensor({2}, {1.5f, -2.0f}).to(DType::f64).to_vector() == std::vector<double>{1.5, -2});
  CHECK(Tensor::identity(2).to_vector() == std::vector<double>{1, 0, 0, 1});
  CHECK(Tensor::arange(3, 5).to_vector() == std::vector<double>{5, 6, 7});
  CHECK(to_string(Tensor({2}, {1.5f, -2.0f})) == "f32[2] {1.5, -2}");
  CHECK_FALSE(identical(Tensor({1}, {0.0f}), Tensor({1}, {-0.0f})));
  const float nan = std::nanf("");
  CHECK(identical(Tensor({1}, {nan}), Tensor({1}, {nan})));
}

TEST_CASE("threads may make and drop tensors at will", "[values]") {
  std::vector<std::thread> team;
  std::vector<double> sums(4);
  for (std::size_t t = 0; t < sums.size(); ++t)
    team.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        const Tensor a = Tensor::full({i % 17 + 1}, 1);
        const Tensor b = a;
        sums[t] += b.at(0);
      }
    });
  for (std::thread& t : team) t.join();
  CHECK(sums == std::vector<double>(4, 500));
}

TEST_CASE("indices are shaped whole numbers", "[values]") {
  const Indices i({2, 2}, {1, 2, 3, 4});
  CHECK(i[3] == 4);
  CHECK(i.reshape({4}) == Indices({1, 2, 3, 4}));
  CHECK(Indices{}.size() == 0);
  REQUIRE_THROWS_WITH(Indices({2}, {1}), "indices: 1 values for shape [2], which holds 2");
}

TEST_CASE("params are named tensors in one buffer", "[values]") {
  Params p({{"w", Tensor({2, 2}, {1.0f, 2.0f, 3.0f, 4.0f})}, {"b", Tensor({1}, {5.0f})}});
  CHECK(p.size() == 5);
  CHECK(p.entries()[1].offset == 4);
  CHECK(p["w"].shape() == Shape{2, 2});
  p.set("b", Tensor({1}, {6.0f}));
  CHECK(p.flat().to_vector() == std::vector<double>{1, 2, 3, 4, 6});
  const Params before = p;
  p.add_scaled(2, before);
  CHECK(p["b"].item() == 18);
  CHECK(before["b"].item() == 6);
  CHECK(before.norm() == Approx(std::sqrt(66.0)));
  REQUIRE_THROWS_WITH(p["v"], "params: there is no 'v'; there is w, b");
  REQUIRE_THROWS_WITH(p.set("b", Tensor({2}, {1.0f, 2.0f})), "params: 'b' is [1], given is [2]");
  REQUIRE_THROWS_WITH(Params({{"a", Tensor{}}, {"a", Tensor{}}}),
                      "params: the name 'a' is given twice");
  REQUIRE_THROWS_AS(p.add_scaled(1, Params{}), ShapeError);
}

// small_products.cpp: tiles of four rows and a vector of columns. The vectors are those of the
// processor's baseline, which need no dispatching to and in which no compiler joins a product and a
// sum.
#include "small_products.hpp"

#include <algorithm>
#include <type_traits>

namespace metatape::kernel {

namespace {

template <class T>
constexpr int lanes = static_cast<int>(16 / sizeof(T));

template <class T>
struct Vector {
  typedef T type __attribute__((vector_size(16)));
  typedef T in_memory __attribute__((vector_size(16), aligned(alignof(T)), may_alias));
};
template <class T>
using V = typename Vector<T>::type;

template <class T>
V<T> load(const T* p) {
  return *reinterpret_cast<const typename Vector<T>::in_memory*>(p);
}
template <class T>
void store(V<T> v, T* p) {
  *reinterpret_cast<typename Vector<T>::in_memory*>(p) = v;
}

// y [m, n] (add ? += : =) a b: how far apart neighbours lie in a row of a, in a column, and rows of
// b and y; neighbours in those lie together.
template <class T>
struct Product {
  std::int64_t m, n, k;
  const T* a;
  std::int64_t along, down;
  const T* b;
  std::int64_t ldb;
  T* y;
  std::int64_t ldy;
  bool add;
};

// The three below are not made part of multiply: it would begin with what each of their loops
// needs.

// `rows` elements of a column of y, the first of them at (i, j).
template <int rows, class T>
[[gnu::noinline]] void column(const Product<T>& p, std::int64_t i, std::int64_t j) {
  T s[rows] = {};
  const T *a = p.a + i * p.down, *b = p.b + j;
  for (std::int64_t l = 0; l < p.k; ++l, a += p.along, b += p.ldb)
    for (int r = 0; r < rows; ++r) s[r] += a[r * p.down] * *b;
  T* y = p.y + i * p.ldy + j;
  for (int r = 0; r < rows; ++r, y += p.ldy) *y = p.add ? *y + s[r] : s[r];
}

// A vector of columns of that.
template <int rows, class T>
[[gnu::noinline]] void tile(const Product<T>& p, std::int64_t i, std::int64_t j) {
  V<T> s[rows] = {};
  const T *a = p.a + i * p.down, *b = p.b + j;
  for (std::int64_t l = 0; l < p.k; ++l, a += p.along, b += p.ldb) {
    const V<T> v = load(b);
    for (int r = 0; r < rows; ++r) s[r] += a[r * p.down] * v;
  }
  const std::int64_t ldy = p.ldy;
  T* const y = p.y + i * ldy + j;
  if (p.add)
    for (int r = 0; r < rows; ++r) store(load(y + r * ldy) + s[r], y + r * ldy);
  else
    for (int r = 0; r < rows; ++r) store(s[r], y + r * ldy);
}

// to [k, n] = b [n, k] turned
template <class T>
[[gnu::noinline]] void turn(std::int64_t n, std::int64_t k, const T* b, std::int64_t ldb, T* to) {
  std::int64_t j = 0;
  if constexpr (lanes<T> == 4)
    for (; j + 4 <= n; j += 4) {
      const T* from = b + j * ldb;
      T* at = to + j;
      std::int64_t l = 0;
      for (; l + 4 <= k; l += 4, from += 4, at += 4 * n) {
        const V<T> r0 = load(from), r1 = load(from + ldb);
        const V<T> r2 = load(from + 2 * ldb), r3 = load(from + 3 * ldb);
        const V<T> low = __builtin_shufflevector(r0, r1, 0, 4, 1, 5);
        const V<T> high = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
        const V<T> low2 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5);
        const V<T> high2 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
        store<T>(__builtin_shufflevector(low, low2, 0, 1, 4, 5), at);
        store<T>(__builtin_shufflevector(low, low2, 2, 3, 6, 7), at + n);
        store<T>(__builtin_shufflevector(high, high2, 0, 1, 4, 5), at + 2 * n);
        store<T>(__builtin_shufflevector(high, high2, 2, 3, 6, 7), at + 3 * n);
      }
      for (; l < k; ++l, ++from, at += n)
        for (int q = 0; q < 4; ++q) at[q] = from[q * ldb];
    }
  for (; j < n; ++j)
    for (std::int64_t l = 0; l < k; ++l) to[l * n + j] = b[j * ldb + l];
}

template <class T>
void multiply(bool bt, Product<T>&& p) {
  if (p.m == 0) return;  // then k n may be any
  if (p.k == 0) {
    for (std::int64_t i = 0; i < p.m && !p.add; ++i) std::fill_n(p.y + i * p.ldy, p.n, T{0});
    return;
  }
  T turned[small_product];
  if (bt && p.n == 1) {
    p.ldb = 1;
  } else if (bt && (p.k > 1 || p.ldb > 1)) {
    turn(p.n, p.k, p.b, p.ldb, turned);
    p.b = turned;
    p.ldb = p.n;
  }
  const auto rows = [&]<int count>(std::integral_constant<int, count>, std::int64_t i) {
    std::int64_t j = 0;
    for (; j + lanes<T> <= p.n; j += lanes<T>) tile<count>(p, i, j);
    for (; j < p.n; ++j) column<count>(p, i, j);
  };
  std::int64_t i = 0;
  for (; i + 4 <= p.m; i += 4) rows(std::integral_constant<int, 4>{}, i);
  for (; i < p.m; ++i) rows(std::integral_constant<int, 1>{}, i);
}

}  // namespace

void multiply_small(bool at, bool bt, std::int64_t m, std::int64_t n, std::int64_t k,
                    const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float* y,
                    std::int64_t ldy, bool add) {
  multiply(bt, Product<float>{m, n, k, a, at ? lda : 1, at ? 1 : lda, b, ldb, y, ldy, add});
}
void multiply_small(bool at, bool bt, std::int64_t m, std::int64_t n, std::int64_t k,
                    const double* a, std::int64_t lda, const double* b, std::int64_t ldb, double* y,
                    std::int64_t ldy, bool add) {
  multiply(bt, Product<double>{m, n, k, a, at ? lda : 1, at ? 1 : lda, b, ldb, y, ldy, add});
}

}  // namespace metatape::kernel

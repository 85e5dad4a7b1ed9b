// pooling.cpp: windows of images reduced to their largest element or their mean.
// No index is kept: the pullback finds the largest of a window again. Scattering to the largest and
// gathering from it are ops of their own, linear in what they move, each the other's derivative;
// so are averaging and its transpose.
#include <algorithm>
#include <string>

#include "kernels/pool.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops/convolution.hpp"
#include "metatape/autodiff/ops/structure.hpp"
#include "metatape/autodiff/rule.hpp"
#include "products.hpp"

namespace metatape {

namespace ops {

namespace {

struct PoolGeometry : kernel::Pool {
  std::int64_t n;

  [[nodiscard]] Shape in() const { return {n, h, w, channels}; }
  [[nodiscard]] Shape out() const { return {n, oh, ow, channels}; }
};

struct Window {
  std::int64_t y0, y1, x0, x1;  // the part inside the image
  [[nodiscard]] std::int64_t count() const { return (y1 - y0) * (x1 - x0); }
};

// Calls f(image, output position, window) for each output pixel, images over the threads.
template <class Context, class F>
void for_each_window(const Context& c, const PoolGeometry& s, const F& f) {
  run_blocks(c, s.n, [&](std::int64_t i, int) {
    for (std::int64_t oy = 0; oy < s.oh; ++oy)
      for (std::int64_t ox = 0; ox < s.ow; ++ox) {
        const std::int64_t y = oy * s.stride[0] - s.padding[0], x = ox * s.stride[1] - s.padding[1];
        f(i * s.h * s.w * s.channels, ((i * s.oh + oy) * s.ow + ox) * s.channels,
          Window{std::max<std::int64_t>(y, 0), std::min(y + s.kernel[0], s.h),
                 std::max<std::int64_t>(x, 0), std::min(x + s.kernel[1], s.w)});
      }
  });
}

// Calls f(start of an image's elements, start of its windows') for each image, over the threads.
template <class Context, class F>
void for_each_image(const Context& c, const PoolGeometry& s, const F& f) {
  run_blocks(c, s.n, [&](std::int64_t i, int) {
    f(i * s.h * s.w * s.channels, i * s.oh * s.ow * s.channels);
  });
}

template <Scalar T, class Context>
void scatter(const Context& c, const PoolGeometry& s, const T* x, const T* g, T* d, bool add) {
  for_each_image(c, s, [&](std::int64_t in, std::int64_t out) {
    kernel::max_pool_scatter(s, x + in, g + out, d + in, add);
  });
}
template <Scalar T, class Context>
void gather(const Context& c, const PoolGeometry& s, const T* x, const T* u, T* y, bool add) {
  for_each_image(c, s, [&](std::int64_t in, std::int64_t out) {
    kernel::max_pool_gather(s, x + in, u + in, y + out, add);
  });
}

Var scatter_to_largest(Var g, Var x, const PoolGeometry& s);
Var gather_largest(Var u, Var x, const PoolGeometry& s);
Var average(Var x, const PoolGeometry& s);
Var spread(Var g, const PoolGeometry& s);

}  // namespace

// y = max over the window            dx[first largest] += g
struct MaxPool2d {
  using Attributes = PoolGeometry;
  static constexpr const char* name = "max_pool2d";

  template <Scalar T>
  static void forward(const Forward& c) {
    const auto& s = c.attributes<Attributes>();
    for_each_image(c, s, [&](std::int64_t in, std::int64_t out) {
      kernel::max_pool(s, c.input<T>(0) + in, c.output<T>() + out);
    });
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    bool fresh = false;
    T* d = c.adjoint<T>(0, fresh);
    scatter(c, c.attributes<Attributes>(), c.input<T>(0), c.gradient<T>(), d, !fresh);
  }
  static void recorded(const Recorded& c) {
    c.add(0, scatter_to_largest(c.gradient(), c.input(0), c.attributes<Attributes>()));
  }
};

// y = zeros of x's shape, y[first largest of x] += g            dg += u[first largest of x]
struct ScatterToLargest {
  using Attributes = PoolGeometry;
  static constexpr const char* name = "max_pool2d_scatter";

  template <Scalar T>
  static void forward(const Forward& c) {
    scatter(c, c.attributes<Attributes>(), c.input<T>(1), c.input<T>(0), c.output<T>(), false);
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    if (!c.wants(0)) return;
    bool fresh = false;
    T* d = c.adjoint<T>(0, fresh);
    gather(c, c.attributes<Attributes>(), c.input<T>(1), c.gradient<T>(), d, !fresh);
  }
  static void recorded(const Recorded& c) {
    if (c.wants(0)) c.add(0, gather_largest(c.gradient(), c.input(1), c.attributes<Attributes>()));
  }
};

// y = u[first largest of x]            du[first largest of x] += g
struct GatherLargest {
  using Attributes = PoolGeometry;
  static constexpr const char* name = "max_pool2d_gather";

  template <Scalar T>
  static void forward(const Forward& c) {
    gather(c, c.attributes<Attributes>(), c.input<T>(1), c.input<T>(0), c.output<T>(), false);
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    if (!c.wants(0)) return;
    bool fresh = false;
    T* d = c.adjoint<T>(0, fresh);
    scatter(c, c.attributes<Attributes>(), c.input<T>(1), c.gradient<T>(), d, !fresh);
  }
  static void recorded(const Recorded& c) {
    if (c.wants(0))
      c.add(0, scatter_to_largest(c.gradient(), c.input(1), c.attributes<Attributes>()));
  }
};

namespace {

template <Scalar T, class Context>
void add_spread(const Context& c, const PoolGeometry& s, const T* g, T* d) {
  for_each_window(c, s, [&](std::int64_t image, std::int64_t from, const Window& v) {
    const T share = T{1} / static_cast<T>(v.count());
    for (std::int64_t y = v.y0; y < v.y1; ++y)
      for (std::int64_t x = v.x0; x < v.x1; ++x) {
        T* to = d + image + (y * s.w + x) * s.channels;
        for (std::int64_t k = 0; k < s.channels; ++k) to[k] += share * g[from + k];
      }
  });
}

template <Scalar T, class Context>
void add_average(const Context& c, const PoolGeometry& s, const T* x, T* y) {
  for_each_window(c, s, [&](std::int64_t image, std::int64_t to, const Window& v) {
    const T share = T{1} / static_cast<T>(v.count());
    for (std::int64_t r = v.y0; r < v.y1; ++r)
      for (std::int64_t q = v.x0; q < v.x1; ++q) {
        const T* from = x + image + (r * s.w + q) * s.channels;
        for (std::int64_t k = 0; k < s.channels; ++k) y[to + k] += share * from[k];
      }
  });
}

}  // namespace

// y = mean over the window's part inside the image            dx += g / count over that part
struct AveragePool2d {
  using Attributes = PoolGeometry;
  static constexpr const char* name = "average_pool2d";

  template <Scalar T>
  static void forward(const Forward& c) {
    std::fill_n(c.output<T>(), c.size(), T{0});
    add_average(c, c.attributes<Attributes>(), c.input<T>(0), c.output<T>());
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    add_spread(c, c.attributes<Attributes>(), c.gradient<T>(), c.adjoint<T>(0));
  }
  static void recorded(const Recorded& c) {
    c.add(0, spread(c.gradient(), c.attributes<Attributes>()));
  }
};

// The transpose of averaging; its derivative is averaging.
struct AveragePool2dSpread {
  using Attributes = PoolGeometry;
  static constexpr const char* name = "average_pool2d_spread";

  template <Scalar T>
  static void forward(const Forward& c) {
    std::fill_n(c.output<T>(), c.size(), T{0});
    add_spread(c, c.attributes<Attributes>(), c.input<T>(0), c.output<T>());
  }
  template <Scalar T>
  static void pullback(const Pullback& c) {
    add_average(c, c.attributes<Attributes>(), c.gradient<T>(), c.adjoint<T>(0));
  }
  static void recorded(const Recorded& c) {
    c.add(0, average(c.gradient(), c.attributes<Attributes>()));
  }
};

namespace {

Var scatter_to_largest(Var g, Var x, const PoolGeometry& s) {
  return record<ScatterToLargest>({g, x}, s.in(), s);
}
Var gather_largest(Var u, Var x, const PoolGeometry& s) {
  return record<GatherLargest>({u, x}, s.out(), s);
}
Var average(Var x, const PoolGeometry& s) { return record<AveragePool2d>({x}, s.out(), s); }
Var spread(Var g, const PoolGeometry& s) { return record<AveragePool2dSpread>({g}, s.in(), s); }

void require_images(const char* op, const Shape& x) {
  if (x.rank() != 4)
    throw ShapeError(std::string(op) + ": " + to_string(x) +
                     ": images [n, height, width, channels] are expected");
}

PoolGeometry pool_geometry(const char* op, const Shape& x, const Pool2dOptions& o) {
  require_images(op, x);
  PoolGeometry s{};
  s.n = x[0], s.h = x[1], s.w = x[2], s.channels = x[3];
  std::array<std::int64_t, 2> result{};
  for (int axis = 0; axis < 2; ++axis) {
    const auto i = static_cast<std::size_t>(axis);
    if (o.kernel[i] < 1 || o.stride[i] < 1)
      throw DataError(std::string(op) + ": kernel " + std::to_string(o.kernel[i]) + ", stride " +
                      std::to_string(o.stride[i]) + ": both must be at least 1");
    if (o.padding[i] < 0 || 2 * o.padding[i] > o.kernel[i])
      throw DataError(std::string(op) + ": padding " + std::to_string(o.padding[i]) + ", kernel " +
                      std::to_string(o.kernel[i]) + ": padding is at most half the kernel");
    const std::int64_t padded = x[1 + axis] + 2 * o.padding[i];
    if (o.kernel[i] > padded || x[1 + axis] == 0)
      throw ShapeError(std::string(op) + ": " + to_string(x) + ": the kernel spans " +
                       std::to_string(o.kernel[i]) + (axis == 0 ? " rows" : " columns") +
                       ", the padded image has " + std::to_string(padded));
    s.kernel[i] = o.kernel[i], s.stride[i] = o.stride[i], s.padding[i] = o.padding[i];
    result[i] = (padded - o.kernel[i]) / o.stride[i] + 1;
  }
  s.oh = result[0], s.ow = result[1];
  return s;
}

// One window as large as the image.
PoolGeometry whole_image(const char* op, const Shape& x) {
  require_images(op, x);
  if (x[1] == 0 || x[2] == 0)
    throw ShapeError(std::string(op) + ": " + to_string(x) + ": an image without pixels");
  PoolGeometry s{};
  s.n = x[0], s.h = x[1], s.w = x[2], s.channels = x[3], s.oh = s.ow = 1;
  s.kernel = s.stride = {s.h, s.w};
  return s;
}

}  // namespace

}  // namespace ops

Var max_pool2d(Var x, const Pool2dOptions& options) {
  const ops::PoolGeometry s = ops::pool_geometry("max_pool2d", x.shape(), options);
  return record<ops::MaxPool2d>({x}, s.out(), s);
}

Var average_pool2d(Var x, const Pool2dOptions& options) {
  return ops::average(x, ops::pool_geometry("average_pool2d", x.shape(), options));
}

Var global_max_pool2d(Var x) {
  const ops::PoolGeometry s = ops::whole_image("global_max_pool2d", x.shape());
  return reshape(record<ops::MaxPool2d>({x}, s.out(), s), Shape{s.n, s.channels});
}

Var global_average_pool2d(Var x) {
  const ops::PoolGeometry s = ops::whole_image("global_average_pool2d", x.shape());
  return reshape(ops::average(x, s), Shape{s.n, s.channels});
}

}  // namespace metatape

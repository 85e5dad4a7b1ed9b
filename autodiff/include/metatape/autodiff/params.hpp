// params.hpp: named tensors in one contiguous buffer.
// What a module initialises, an optimizer steps (flat, or tensor by tensor) and a checkpoint
// stores.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "metatape/autodiff/tensor.hpp"

namespace metatape {

/// Where a named tensor lies in the buffer.
struct ParamEntry {
  std::string name;
  Shape shape;
  std::int64_t offset = 0;  ///< in elements
  friend bool operator==(const ParamEntry&, const ParamEntry&) = default;
};

/// The names, shapes and offsets, without values; shared by Params, gradients and Bound.
class Layout {
 public:
  Layout() = default;
  explicit Layout(std::vector<std::pair<std::string, Shape>> tensors);

  [[nodiscard]] const std::vector<ParamEntry>& entries() const { return entries_; }
  [[nodiscard]] std::int64_t size() const { return size_; }
  /// Position among the entries, or -1.
  [[nodiscard]] int find(std::string_view name) const;
  /// The same; DataError names the missing one and those there are.
  [[nodiscard]] int index(std::string_view name) const;
  friend bool operator==(const Layout& a, const Layout& b) { return a.entries_ == b.entries_; }

 private:
  std::vector<ParamEntry> entries_;
  std::int64_t size_ = 0;
};

class Params {
 public:
  Params();  ///< none, float32
  /// In this order. Throws DataError on a name given twice, DTypeError on mixed types.
  explicit Params(const std::vector<std::pair<std::string, Tensor>>& tensors);
  /// `flat` seen through a layout of the same size.
  Params(std::shared_ptr<const Layout> layout, Tensor flat);
  /// Zeros of that layout.
  static Params zeros(std::shared_ptr<const Layout> layout, DType dtype = DType::f32);
  [[nodiscard]] Params zeros_like() const;

  [[nodiscard]] const std::vector<ParamEntry>& entries() const { return layout_->entries(); }
  [[nodiscard]] const std::shared_ptr<const Layout>& layout() const { return layout_; }
  [[nodiscard]] DType dtype() const { return flat_.dtype(); }
  [[nodiscard]] std::int64_t size() const { return flat_.size(); }  ///< elements of all
  [[nodiscard]] bool empty() const { return entries().empty(); }

  [[nodiscard]] const Tensor& flat() const { return flat_; }  ///< one axis, shared
  [[nodiscard]] Tensor& flat() { return flat_; }              ///< to be written; keep its shape

  [[nodiscard]] bool contains(std::string_view name) const { return layout_->find(name) >= 0; }
  /// The tensor of that name (shared). DataError names a missing one and what there is.
  [[nodiscard]] Tensor operator[](std::string_view name) const;
  [[nodiscard]] Tensor operator[](std::size_t i) const;
  /// Overwrites one tensor; equal shape and type.
  void set(std::string_view name, const Tensor& value);

  /// Those whose name starts with `prefix` + ".", the prefix taken off.
  [[nodiscard]] Params inside(std::string_view prefix) const;
  /// All names with `prefix` + "." before them.
  [[nodiscard]] Params prefixed(std::string_view prefix) const;
  /// One after the other in one buffer; names must differ.
  [[nodiscard]] static Params join(const std::vector<Params>& parts);
  [[nodiscard]] Params to(DType dtype) const;

  /// this += a * x, elementwise on the buffer; equal layouts.
  void add_scaled(double a, const Params& x);
  void scale(double a);
  /// Sum of products in float64, in fixed order.
  [[nodiscard]] double dot(const Params& other) const;
  [[nodiscard]] double norm() const;  ///< Euclidean

 private:
  std::shared_ptr<const Layout> layout_;
  Tensor flat_;
};

/// Equal layouts and equal bits.
bool identical(const Params& a, const Params& b);

}  // namespace metatape

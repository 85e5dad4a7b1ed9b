// spec.hpp: things with a name and numbers in one line of text: "name" or "name:key=value,...".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "metatape/autodiff/error.hpp"

namespace metatape::tasks {

/// A spec that says nothing that exists: wrong usage rather than broken data. One line.
class SpecError : public DataError {
 public:
  using DataError::DataError;
};

/// What a spec may say of one thing; for lists and help, too.
struct SpecInfo {
  struct Key {
    std::string name;
    std::string standard;  ///< the value when it is not given
    std::string what;      ///< values and effect
  };
  std::string name;
  std::string what;  ///< one line
  std::vector<Key> keys;
};

/// Where in `all` the thing that `spec` names is; `kind` is what a message calls it, "optimizee".
/// SpecError with the nearest name and all of them where there is none.
std::size_t place_of(std::string_view kind, std::string_view spec,
                     const std::vector<std::string>& all);

/// The values of a spec, given or by default. Whoever makes the thing reads them by key; a value
/// that cannot be is a SpecError that names the thing, the key, the value and what is expected.
class SpecValues {
 public:
  /// SpecError for a key that `info` does not have (naming the nearest), one given twice or without
  /// a value. `info` must outlive this.
  SpecValues(std::string kind, const SpecInfo& info, std::string_view spec);

  [[nodiscard]] const std::string& text(std::string_view key) const;
  [[nodiscard]] bool given(std::string_view key) const;
  /// Within [low, high], as the next one.
  [[nodiscard]] int whole(std::string_view key, int low, int high) const;
  [[nodiscard]] double number(std::string_view key, double low, double high) const;
  /// A part of a value that has several.
  [[nodiscard]] int whole(std::string_view key, const std::string& part, int low, int high) const;
  /// The one of `choices` whose to_string() was given.
  template <class E>
  [[nodiscard]] E choice(std::string_view key, const std::vector<E>& choices) const {
    std::vector<std::string> names;
    for (const E& c : choices) names.emplace_back(to_string(c));
    return choices[chosen(key, names)];
  }
  /// The place in `names` of the one that was given.
  [[nodiscard]] std::size_t chosen(std::string_view key,
                                   const std::vector<std::string>& names) const;

  /// Throws: "optimizee mlp: layers=x: a whole number expected".
  [[noreturn]] void refuse(std::string_view key, std::string_view value,
                           std::string_view expected) const;
  /// Throws: "optimizee mlp: `why`".
  [[noreturn]] void refuse(std::string_view why) const;

 private:
  [[nodiscard]] std::size_t place(std::string_view key) const;

  std::string kind_;
  const SpecInfo& info_;
  std::vector<std::string> values_;
  std::vector<bool> given_;
};

}  // namespace metatape::tasks

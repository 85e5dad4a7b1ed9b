#include "metatape/nn/mode.hpp"

#include <algorithm>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/tape.hpp"

namespace metatape::nn {

namespace {
constexpr std::string_view mean_suffix = ".running_mean", variance_suffix = ".running_var";
}

const BatchStatistics* Statistics::find(std::string_view name) const {
  const auto at = std::ranges::find(entries, name, [](const auto& e) { return e.first; });
  return at == entries.end() ? nullptr : &at->second;
}

Params Statistics::value() const {
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const auto& [name, s] : entries) {
    tensors.emplace_back(name + std::string(mean_suffix), s.mean.value());
    tensors.emplace_back(name + std::string(variance_suffix), s.variance.value());
  }
  return Params(tensors);
}

Statistics bind_statistics(Tape& tape, const Params& values) {
  Statistics s;
  for (const ParamEntry& e : values.entries()) {
    if (!e.name.ends_with(mean_suffix)) continue;
    const std::string name = e.name.substr(0, e.name.size() - mean_suffix.size());
    s.entries.emplace_back(
        name, BatchStatistics{tape.constant(values[e.name]),
                              tape.constant(values[name + std::string(variance_suffix)])});
  }
  return s;
}

Params update_running(const Params& running, const Params& batch, double weight) {
  if (running.empty()) return batch;
  Params updated = running;
  updated.scale(1 - weight);
  updated.add_scaled(weight, batch);
  return updated;
}

Mode Mode::inside(std::string_view part) const {
  Mode m = *this;
  m.key = key.split(part);
  m.name = name.empty() ? std::string(part) : name + "." + std::string(part);
  return m;
}

}  // namespace metatape::nn

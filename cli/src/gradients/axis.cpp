#include "axis.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "metatape/tasks/nearest_name.hpp"

namespace metatape::cli {

namespace {

constexpr double most_points = 1e6;

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
  throw UsageError(fmt::format("--along {}: {}", text, why));
}

double number_in(std::string_view word, std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end != word.data() + word.size() || !std::isfinite(value))
    refuse(text, fmt::format("'{}' is no number", word));
  return value;
}

/// The entry of φ that an axis names; a function's own setting may be named without its prefix.
int entry_of(const Params& phi, const std::string& name) {
  const int at = phi.layout()->find(name);
  return at >= 0 ? at : phi.layout()->find("settings." + name);
}

}  // namespace

Axis parse_axis(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string form = "NAME=FROM:TO[:log]:COUNT is expected";
  if (equals == std::string_view::npos || equals == 0) refuse(text, form);
  std::vector<std::string_view> words;
  for (std::size_t from = equals + 1; from <= text.size();) {
    const std::size_t to = std::min(text.find(':', from), text.size());
    words.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  const bool logarithmic = words.size() == 4 && words[2] == "log";
  if (words.size() != 3 && !logarithmic) refuse(text, form);
  Axis a{.name = std::string(text.substr(0, equals)),
         .from = number_in(words[0], text),
         .to = number_in(words[1], text),
         .logarithmic = logarithmic};
  const double count = number_in(words.back(), text);
  if (count != std::floor(count) || count < 2 || count > most_points)
    refuse(text,
           fmt::format("{} values: a whole number from 2 to 1000000 is expected", words.back()));
  a.count = static_cast<std::int64_t>(count);
  if (a.from == a.to) refuse(text, "it ends where it begins");
  if (logarithmic && !(a.from > 0 && a.to > 0))
    refuse(text, "a logarithmic axis needs both ends above 0");
  return a;
}

double Axis::value(std::int64_t i) const {
  const double share = static_cast<double>(i) / static_cast<double>(count - 1);
  return i == count - 1 ? to
         : logarithmic  ? from * std::pow(to / from, share)
                        : from + (to - from) * share;
}

std::vector<double> Axis::values() const {
  std::vector<double> all;
  for (std::int64_t i = 0; i < count; ++i) all.push_back(value(i));
  return all;
}

Params place_axes(const Study& study, const std::vector<Axis>& axes,
                  std::vector<metalearn::LandscapeAxis>& placed) {
  const auto unit = [](Params direction, const Axis& axis) {
    const double length = direction.norm();
    if (!(length > 0) || !std::isfinite(length))
      throw DataError(
          fmt::format("--along {}: it has no direction: its length is {}", axis.name, length));
    direction.scale(1 / length);
    return direction;
  };
  Params base = study.phi;
  std::uint64_t random = 0;
  for (const Axis& axis : axes) {
    if (axis.name == "random") {
      const Key key = study.key.split("direction", random++);
      const Params drawn(study.phi.layout(), normal({study.phi.size()}, key, study.phi.dtype()));
      placed.push_back({unit(drawn, axis), axis.values()});
      continue;
    }
    if (axis.name == "gradient") {
      const metalearn::Dynamics run = study.runs()(study.phi, study.key);
      const metalearn::Estimate e = metalearn::estimate({}, run, study.phi);
      if (e.diverged)
        throw DataError(fmt::format("--along gradient: the run diverges at step {} of {}",
                                    *e.diverged, run.steps));
      placed.push_back({unit(e.gradient, axis), axis.values()});
      continue;
    }
    const int at = entry_of(study.phi, axis.name);
    if (at < 0) {
      std::vector<std::string> known{"random", "gradient"};
      for (const ParamEntry& e : study.phi.entries()) known.push_back(e.name);
      throw UsageError(fmt::format("--along {}: phi has no such number{}", axis.name,
                                   tasks::did_you_mean(axis.name, known)));
    }
    const auto i = static_cast<std::size_t>(at);
    const Tensor value = study.phi[i];
    for (std::int64_t k = 1; k < value.size(); ++k)
      if (value.at(k) != value.at(0))
        throw UsageError(fmt::format(
            "--along {}: its {} numbers differ, so no one value stands for them; take random or "
            "gradient",
            axis.name, value.size()));
    Params direction = study.phi.zeros_like();
    const std::string& entry = study.phi.entries()[i].name;
    direction.set(entry, Tensor::full(value.shape(), 1.0, study.phi.dtype()));
    base.set(entry, Tensor::zeros(value.shape(), study.phi.dtype()));
    placed.push_back({std::move(direction), axis.values()});
  }
  return base;
}

}  // namespace metatape::cli

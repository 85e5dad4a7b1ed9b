#include "sweep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace metatape::cli {

namespace {

// The numbers of a row, by the order of SweptNumbers, and what is left of its name without each.
struct Place {
  std::optional<double> value{};
  std::string rest{};
};

std::vector<std::string> parts_of(const std::string& name) {
  std::vector<std::string> parts;
  for (std::size_t from = 0; from <= name.size();) {
    const std::size_t to = std::min(name.find(':', from), name.size());
    parts.push_back(name.substr(from, to - from));
    from = to + 1;
  }
  return parts;
}

// The row's number at `part` of its estimator's name, where `letter` then stands: "pes:N:5".
Place at_part(const Compared& row, std::size_t part, const char* letter) {
  std::vector<std::string> parts = parts_of(row.report.name);
  if (part >= parts.size()) return {};
  Place place{.value = std::stod(parts[part])};
  parts[part] = letter;
  place.rest = joined(parts, ":") + row.label.substr(row.report.name.size());
  return place;
}

Place steps_of(const Compared& row) { return {static_cast<double>(row.steps), row.label}; }

Place sigma_of(const Compared& row) { return {row.sigma, row.report.name}; }

Place window_of(const Compared& row) {
  if (row.report.name.starts_with("truncated:") || row.report.name.starts_with("truncated-first:"))
    return at_part(row, 1, "K");
  return row.sigma ? at_part(row, 2, "K") : Place{};
}

Place pairs_of(const Compared& row) { return row.sigma ? at_part(row, 1, "N") : Place{}; }

double relative(double value, double to) {
  const double share = value / to;
  return std::isfinite(share) ? share : std::nan("");
}

// Curves of all kinds of which rows have two numbers or more.
void add_curves(SweptNumber& to, const std::vector<const Compared*>& rows,
                const std::function<Place(const Compared&)>& place) {
  struct Kind {
    std::string name;
    std::vector<std::pair<double, const Compared*>> points;
  };
  std::vector<Kind> kinds;
  for (const Compared* row : rows) {
    const Place p = place(*row);
    if (!p.value) continue;
    auto kind = std::ranges::find(kinds, p.rest, &Kind::name);
    if (kind == kinds.end()) kind = kinds.insert(kinds.end(), Kind{p.rest, {}});
    kind->points.emplace_back(*p.value, row);
  }
  for (Kind& kind : kinds) {
    std::ranges::sort(kind.points, {}, &std::pair<double, const Compared*>::first);
    if (kind.points.size() < 2 || kind.points.front().first == kind.points.back().first) continue;
    Series bias{.name = kind.name}, variance = bias, error = bias;
    for (const auto& [x, row] : kind.points) {
      const metalearn::EstimatorReport& r = row->report;
      const double square = row->gradient_length * row->gradient_length;
      for (Series* s : {&bias, &variance, &error}) s->x.push_back(x);
      const double off = relative(r.relative_bias, 1);
      bias.y.push_back(off);
      bias.low.push_back(relative(r.relative_bias - r.relative_bias_ci95, 1));
      bias.high.push_back(relative(r.relative_bias + r.relative_bias_ci95, 1));
      const auto above_zero = [](double v) { return v > 0 ? v : std::nan(""); };
      variance.y.push_back(r.samples > 1 ? above_zero(relative(r.variance, square)) : std::nan(""));
      error.y.push_back(above_zero(relative(r.mean_squared_error, square)));
    }
    const auto drawn = [](const Series& s) {
      return std::ranges::any_of(s.y, [](double v) { return std::isfinite(v); });
    };
    if (drawn(bias)) to.bias.push_back(std::move(bias));
    if (drawn(variance)) to.variance.push_back(std::move(variance));
    if (drawn(error)) to.error.push_back(std::move(error));
  }
}

// The numbers themselves, where they have room.
std::vector<double> places_of(const std::vector<Series>& curves) {
  constexpr std::size_t room = 8;
  std::vector<double> all;
  for (const Series& s : curves) all.insert(all.end(), s.x.begin(), s.x.end());
  std::ranges::sort(all);
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all.size() <= room ? all : std::vector<double>{};
}

}  // namespace

std::vector<SweptNumber> swept_numbers(const std::vector<Compared>& rows) {
  std::int64_t longest = 0;
  for (const Compared& row : rows) longest = std::max(longest, row.steps);
  std::vector<const Compared*> all, of_longest;
  for (const Compared& row : rows) {
    all.push_back(&row);
    if (row.steps == longest) of_longest.push_back(&row);
  }
  std::vector<SweptNumber> found;
  const auto add = [&](SweptNumber number, const std::vector<const Compared*>& of,
                       const std::function<Place(const Compared&)>& place) {
    add_curves(number, of, place);
    if (!number.bias.empty()) found.push_back(std::move(number));
  };
  add({.name = "steps",
       .label = "steps of the run",
       .word = "Each point is held against the exact gradient of its own length. What climbs on a "
               "straight line of the logarithm explodes: past that length the estimator is of no "
               "use. A bias that grows with the length is a window that misses ever more."},
      all, steps_of);
  add({.name = "sigma",
       .label = "sigma",
       .word = "Evolution strategies answer for the loss smoothed by σ: where it bends within σ, "
               "the bias grows, by σ² at first. Where a curve is level, σ does not matter and the "
               "largest such σ is the safest from rounding. Take σ where the error is least."},
      of_longest, sigma_of);
  add({.name = "window",
       .label = "steps of a window, K",
       .word = "Truncation is a bias that longer windows cure: take K where its interval comes to "
               "0. Windows of pairs that live on (pes) have no such bias; longer ones are fewer, "
               "and less noisy where early steps decide late losses."},
      of_longest, window_of);
  add({.name = "pairs",
       .label = "pairs of samples, N",
       .word = "Variance falls as 1/N, a straight line down; bias does not. Where the error's "
               "curve levels off, more samples buy nothing."},
      of_longest, pairs_of);
  return found;
}

bool draw_sweeps(const std::vector<Compared>& rows, const std::filesystem::path& folder,
                 Console& console, ReportPage& page) {
  constexpr double linear_bias = 3;  // beyond it small ones would not be seen beside it
  std::vector<SweptNumber> found = swept_numbers(rows);
  for (SweptNumber& n : found) {
    Figure bias{.title = "Relative bias, with its 95 % interval",
                .x_label = n.label,
                .y_label = "relative bias",
                .log_x = true,
                .x_tics = places_of(n.bias),
                .series = std::move(n.bias),
                .levels = {{"no bias", 0}},
                .compact = true};
    for (const Series& s : bias.series)
      for (std::size_t i = 0; i < s.y.size(); ++i)
        bias.signed_log_y |= std::max(std::abs(s.low[i]), std::abs(s.high[i])) > linear_bias;
    Figure variance{.title = "Variance of one estimate",
                    .x_label = n.label,
                    .y_label = "variance / length² of the gradient",
                    .log_x = true,
                    .log_y = true,
                    .x_tics = bias.x_tics,
                    .series = std::move(n.variance),
                    .compact = true};
    Figure error = variance;
    error.title = "Mean squared error of one estimate";
    error.y_label = "error² / length² of the gradient";
    error.series = std::move(n.error);
    const std::string by = "by-" + n.name;
    page.heading("By " + n.label);
    write_figure(bias, folder, "bias-" + by, console);
    page.figure(folder, "bias-" + by, "Bias", n.word);
    write_figure(variance, folder, "variance-" + by, console);
    page.figure(folder, "variance-" + by, "Variance",
                "Noise alone: E ‖g − E g‖², in squares of the exact gradient's length. What draws "
                "nothing has none and is not drawn.");
    write_figure(error, folder, "error-" + by, console);
    page.figure(folder, "error-" + by, "Error",
                "Bias and noise together: E ‖g − exact‖². The mean of n estimates has the n-th "
                "part of the variance and all of the bias.");
  }
  return !found.empty();
}

}  // namespace metatape::cli

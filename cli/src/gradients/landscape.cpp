// landscape.cpp: `metatape gradients landscape`: the loss of a run along a line or over a plane
// through φ, smoothed, and with the gradients that estimators see: strokes on the line, arrows on
// the plane.
#include "metatape/metalearn/laboratory/landscape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "../commands.hpp"
#include "../figure.hpp"
#include "../signals.hpp"
#include "arrows.hpp"
#include "axis.hpp"
#include "study.hpp"

namespace metatape::cli {

namespace {

using metalearn::LandscapePoint;

// One number of each point of a grid, the first axis fastest; NaN where a point was not reached.
struct Field {
  std::string name;
  std::vector<double> values{};
};

// The point with the least value; -1 when none is finite.
std::ptrdiff_t lowest(const std::vector<double>& values) {
  std::ptrdiff_t best = -1;
  for (std::ptrdiff_t i = 0; i < std::ssize(values); ++i) {
    const double v = values[static_cast<std::size_t>(i)];
    if (std::isfinite(v) && (best < 0 || v < values[static_cast<std::size_t>(best)])) best = i;
  }
  return best;
}

// Where the curve itself goes: differences to both neighbours, to one at the ends.
std::vector<double> quotients(const std::vector<double>& a, const std::vector<double>& loss) {
  std::vector<double> all(a.size(), std::nan(""));
  for (std::size_t i = 0; i < a.size(); ++i) {
    const std::size_t before = i > 0 ? i - 1 : 0, after = std::min(i + 1, a.size() - 1);
    const double q = (loss[after] - loss[before]) / (a[after] - a[before]);
    if (std::isfinite(q)) all[i] = q;
  }
  return all;
}

// The share of points at which a slope goes the way that the curve goes.
double agreement(const std::vector<double>& slopes, const std::vector<double>& curve) {
  int both = 0, agree = 0;
  for (std::size_t i = 0; i < slopes.size(); ++i)
    if (std::isfinite(slopes[i]) && std::isfinite(curve[i]) && curve[i] != 0) {
      ++both;
      agree += (slopes[i] > 0) == (curve[i] > 0) && slopes[i] != 0;
    }
  return both > 0 ? static_cast<double>(agree) / both : std::nan("");
}

// Positive, and over more than a factor of fifty.
bool wants_logarithm(const std::vector<double>& values) {
  double least = INFINITY, most = 0;
  for (const double v : values)
    if (std::isfinite(v)) {
      least = std::min(least, v);
      most = std::max(most, v);
    }
  return least > 0 && most > 50 * least;
}

// Losses above this would flatten all others in a picture.
double top_of(const std::vector<double>& values, bool logarithmic) {
  constexpr double span = 1e3;
  double least = INFINITY, most = 0;
  for (const double v : values)
    if (std::isfinite(v)) {
      least = std::min(least, v);
      most = std::max(most, v);
    }
  return logarithmic && most > span * least ? span * least : INFINITY;
}

// What was found on the grid, by name.
struct Found {
  std::vector<std::vector<double>> axes{};
  Field loss{"loss"};
  std::vector<Field> smoothed{}, slopes{};
  std::vector<Field> across{};      // slopes along the second axis
  std::vector<char> with_slopes{};  // by point: estimators were asked there
  std::int64_t done = 0, diverged = 0;
};

Found sorted(const std::vector<LandscapePoint>& points,
             const std::vector<metalearn::LandscapeAxis>& axes,
             const std::vector<AskedEstimator>& asked, const std::vector<double>& sigmas) {
  Found f;
  std::size_t size = 1;
  for (const metalearn::LandscapeAxis& axis : axes) {
    f.axes.push_back(axis.values);
    size *= axis.values.size();
  }
  const std::vector<double> none(size, std::nan(""));
  f.loss.values = none;
  f.with_slopes.resize(size);
  for (const double sigma : sigmas)
    f.smoothed.push_back({fmt::format("smoothed by {:g}", sigma), none});
  for (const AskedEstimator& e : asked) {
    f.slopes.push_back({e.label, none});
    if (axes.size() > 1) f.across.push_back({e.label, none});
  }
  std::size_t i = 0;  // points come in the grid's order, and a stop leaves some out
  for (const LandscapePoint& p : points) {
    const auto stands_here = [&] {
      const std::size_t width = f.axes[0].size();
      return f.axes[0][i % width] == p.a && (axes.size() < 2 || f.axes[1][i / width] == p.b);
    };
    while (!stands_here()) ++i;
    ++f.done;
    f.diverged += !std::isfinite(p.loss);
    f.loss.values[i] = p.loss;
    for (std::size_t k = 0; k < sigmas.size(); ++k) f.smoothed[k].values[i] = p.smoothed[k];
    for (std::size_t k = 0; k < p.slopes.size(); ++k) f.slopes[k].values[i] = p.slopes[k];
    for (std::size_t k = 0; k < p.slopes_across.size(); ++k)
      f.across[k].values[i] = p.slopes_across[k];
    f.with_slopes[i] = !p.slopes.empty();
    ++i;
  }
  return f;
}

// What an estimator sees over a plane, where it was asked.
PlaneSlopes plane_slopes(const Found& f, std::size_t estimator) {
  PlaneSlopes s{.name = f.slopes[estimator].name};
  for (std::size_t i = 0; i < f.with_slopes.size(); ++i)
    if (f.with_slopes[i]) {
      s.points.push_back(i);
      s.along.push_back(f.slopes[estimator].values[i]);
      s.across.push_back(f.across[estimator].values[i]);
    }
  return s;
}

// A short stroke of a slope at some points of a curve, all of one length in the picture.
Series tangents(const Field& slopes, const std::vector<double>& a, const std::vector<double>& loss,
                bool log_a, bool log_loss, double top) {
  constexpr std::size_t strokes = 15;
  constexpr double half_length = 0.045, upright = 0.6;  // of the width; height to width
  const auto on_axis = [](double v, bool logarithmic) { return logarithmic ? std::log(v) : v; };
  const auto off_axis = [](double v, bool logarithmic) { return logarithmic ? std::exp(v) : v; };
  double least = INFINITY, most = -INFINITY;
  for (const double v : loss)
    if (std::isfinite(v) && v <= top) {
      least = std::min(least, on_axis(v, log_loss));
      most = std::max(most, on_axis(v, log_loss));
    }
  const double width = std::abs(on_axis(a.back(), log_a) - on_axis(a.front(), log_a));
  const double height = most > least ? most - least : 1;
  Series series{.name = slopes.name};
  for (std::size_t k = 0; k < std::min(strokes, a.size()); ++k) {
    const std::size_t i = (2 * k + 1) * a.size() / (2 * std::min(strokes, a.size()));
    if (!(loss[i] <= top) || !std::isfinite(loss[i]) || !std::isfinite(slopes.values[i])) continue;
    const double steepness =
        slopes.values[i] * (log_a ? a[i] : 1) / (log_loss ? loss[i] : 1) * width / height * upright;
    const double along = half_length / std::hypot(1, steepness);
    const double x = along * width, y = along * steepness * height / upright;
    for (const double side : {-1.0, 1.0}) {
      series.x.push_back(off_axis(on_axis(a[i], log_a) + side * x, log_a));
      series.y.push_back(off_axis(on_axis(loss[i], log_loss) + side * y, log_loss));
    }
    series.x.push_back(std::nan(""));  // the pen is lifted
    series.y.push_back(std::nan(""));
  }
  return series;
}

void draw_line(const Found& f, const Axis& axis, const std::filesystem::path& folder,
               Console& console, ReportPage& page) {
  const std::vector<double>& a = f.axes[0];
  const bool log_loss = wants_logarithm(f.loss.values);
  const double top = top_of(f.loss.values, log_loss);
  const auto finite = [](std::vector<double> v) {
    for (double& x : v)
      if (!std::isfinite(x)) x = std::nan("");
    return v;
  };
  Figure landscape{.title = "Loss along " + axis.name,
                   .x_label = axis.name,
                   .y_label = "loss of the run",
                   .log_x = axis.logarithmic,
                   .log_y = log_loss,
                   .most_y = top,
                   .series = {{.name = "loss", .x = a, .y = finite(f.loss.values)}},
                   .compact = true};
  Figure strokes = landscape;
  strokes.title = "Slopes on the curve";
  for (const Field& s : f.smoothed)
    landscape.series.push_back({.name = s.name, .x = a, .y = finite(s.values)});
  const std::vector<double> curve = quotients(a, f.loss.values);
  Figure slopes{.title = "Size of the slope",
                .x_label = axis.name,
                .y_label = "size of dL/d(" + axis.name + ")",
                .log_x = axis.logarithmic,
                .log_y = true,
                .series = {{.name = "of the curve itself", .x = a}},
                .compact = true};
  const auto size = [](double v) {
    return std::isfinite(v) && v != 0 ? std::abs(v) : std::nan("");
  };
  for (const double q : curve) slopes.series[0].y.push_back(size(q));
  for (const Field& s : f.slopes) {
    strokes.series.push_back(tangents(s, a, f.loss.values, axis.logarithmic, log_loss, top));
    Series sizes{.name = s.name, .x = a};
    for (const double v : s.values) sizes.y.push_back(size(v));
    slopes.series.push_back(std::move(sizes));
  }
  const bool known = f.diverged < f.done;
  if (known) write_figure(landscape, folder, "landscape", console);
  page.figure(
      folder, "landscape", "The landscape",
      "The loss of the whole run for each value. Where it is jagged, the slope at a point "
      "says little of where lower losses lie. Smoothed curves are what evolution strategies "
      "descend: they show the trend that is left. Gaps are runs that diverge; what is above a "
      "thousand times the least loss leaves the picture.");
  if (f.slopes.empty() || !known) return;
  write_figure(strokes, folder, "slopes-drawn", console);
  page.figure(
      folder, "slopes-drawn", "Slopes that are seen",
      "A stroke is the direction of the curve as an estimator sees it there. Along the curve: "
      "it is right. Upright on a flat curve: a gradient that has exploded. Across it: the "
      "estimator is biased.");
  write_figure(slopes, folder, "slopes", console);
  page.figure(
      folder, "slopes", "Their sizes",
      "Beside them that of the curve itself, by differences between neighbouring points. An "
      "estimator far above it sees bends that are finer than the grid.");
}

void draw_plane(const Found& f, const std::vector<Axis>& axes, std::int64_t most_arrows,
                const std::filesystem::path& folder, Console& console, ReportPage& page) {
  const auto names = [](const std::vector<double>& values) {
    std::vector<std::string> all(values.size());
    const std::size_t tics = std::min<std::size_t>(6, values.size());
    for (std::size_t k = 0; k < tics; ++k) {
      const std::size_t i = tics > 1 ? k * (values.size() - 1) / (tics - 1) : 0;
      all[i] = fmt::format("{:.2g}", values[i]);
    }
    return all;
  };
  const std::size_t width = f.axes[0].size(), height = f.axes[1].size();
  const auto map_of = [&](const Field& field, const std::string& title) {
    HeatMap map{.title = title,
                .x_label = axes[0].name,
                .y_label = axes[1].name,
                .columns = names(f.axes[0]),
                .rows = names(f.axes[1]),
                .values = std::vector<double>(field.values.size()),
                .from_zero = false,
                .logarithmic = wants_logarithm(field.values),
                .dark_is_low = true,
                .most = top_of(field.values, wants_logarithm(field.values)),
                .compact = true};
    std::ranges::reverse(map.rows);  // larger values stand higher
    for (std::size_t r = 0; r < height; ++r)
      for (std::size_t c = 0; c < width; ++c) {
        const double v = field.values[(height - 1 - r) * width + c];
        map.values[r * width + c] = std::isfinite(v) ? v : std::nan("");
      }
    return map;
  };
  // Arrows of the first estimator, and on a map each with those of every other.
  std::vector<Arrows> arrows;
  for (std::size_t k = 0; k < f.slopes.size(); ++k)
    if (Arrows seen = arrows_of(plane_slopes(f, k), axes[0], axes[1], most_arrows);
        !seen.row.empty())
      arrows.push_back(std::move(seen));
  for (std::size_t k = 1; k == 1 || k < arrows.size(); ++k) {
    HeatMap landscape = map_of(f.loss, "Loss of the run");
    for (const std::size_t of : {std::size_t{0}, k})
      if (of < arrows.size()) landscape.arrows.push_back(arrows[of]);
    const std::string name = k == 1 ? "landscape" : fmt::format("landscape-{}", k);
    write_figure(landscape, folder, name, console);
    std::string word =
        "The loss of the whole run for each pair of values; the darker, the lower. White is a "
        "thousand times the least loss and more, a run that diverges, or one not reached.";
    if (k > 1) word = fmt::format("The same map, and what {} sees.", arrows[k].name);
    if (k == 1 && !arrows.empty())
      word +=
          " An arrow is the steepest way down in this picture, as an estimator sees it there: from "
          "light to dark, across the bands of one colour, it is right; along them or towards the "
          "light the gradient is biased, noisy, or has exploded. All are of one length; table.csv "
          "has their sizes.";
    page.figure(folder, name, k == 1 ? "The landscape" : "With " + arrows[k].name, word);
  }
  for (std::size_t k = 0; k < f.smoothed.size(); ++k) {
    const std::string name = fmt::format("smoothed-{}", k + 1);
    write_figure(map_of(f.smoothed[k], "Loss " + f.smoothed[k].name), folder, name, console);
    page.figure(folder, name, "The loss " + f.smoothed[k].name,
                "What evolution strategies with such perturbations descend.");
  }
}

}  // namespace

int gradients_landscape(Invocation& in) {
  StudySettings s;
  EstimatorSettings e{.names = {"exact"}};
  std::vector<std::string> along, smooth;
  int smoothing_samples = 64, arrows = 10;
  s.declare(in, true);
  in.settings.section("Landscape");
  in.settings.add("along", along,
                  "values that a number of phi takes, or distances along random or gradient; a "
                  "second --along makes a plane",
                  {.value_name = "NAME=FROM:TO[:log]:COUNT", .repeatable = true});
  in.settings.add("smooth", smooth, "the loss smoothed by N(0, SIGMA^2) of phi, too",
                  {.value_name = "SIGMA,..."});
  in.settings.add("smoothing-samples", smoothing_samples, "draws for it",
                  {.least = 1, .most = 1e6});
  in.settings.add("arrows", arrows, "of gradients over a plane, at most so many along each axis",
                  {.least = 1, .most = 1000});
  e.declare(in.settings);
  in.take({.seed = true, .threads = true, .run = true, .dtype = true, .profile = true});
  in.parse();
  if (along.empty()) throw UsageError("landscape needs --along NAME=FROM:TO[:log]:COUNT");
  if (along.size() > 2)
    throw UsageError(fmt::format("--along: one line or two, not {}", along.size()));
  std::vector<Axis> axes;
  std::vector<std::string> names;
  double size = 1;
  for (const std::string& text : along) {
    axes.push_back(parse_axis(text));
    size *= static_cast<double>(axes.back().count);
    if (!axes.back().is_direction()) names.push_back(axes.back().name);
  }
  if (axes.size() == 2 && axes[0].name == axes[1].name && axes[0].name != "random")
    throw UsageError(fmt::format("--along: {} is named twice", axes[0].name));
  if (size > 1e6) throw UsageError(fmt::format("--along: {:g} points; at most 1000000", size));
  const std::vector<double> sigmas = positive_numbers("--smooth", smooth);
  const Study study = s.make(in, names);
  const std::vector<AskedEstimator> asked = e.make(study);
  std::vector<metalearn::AnyEstimator> estimators;
  for (const AskedEstimator& a : asked) estimators.push_back(a.estimator);
  std::vector<metalearn::LandscapeAxis> placed;
  const Params base = place_axes(study, axes, placed);
  const StopGuard guard;
  const std::filesystem::path figures = in.open_run().figures();

  Threads threads(in.common.threads);
  Found f;
  {
    Progress progress(in.console, {.what = "points", .total = static_cast<std::int64_t>(size)});
    WorkCount count(progress);
    f = sorted(metalearn::landscape_of(study.runs(), base, placed[0],
                                       placed.size() > 1 ? placed[1] : metalearn::LandscapeAxis{},
                                       {.estimators = estimators,
                                        .gradients_along = arrows,
                                        .sigmas = sigmas,
                                        .smoothing_samples = smoothing_samples,
                                        .key = study.key,
                                        .stop = std::ref(count)},
                                       &threads),
               placed, asked, sigmas);
  }

  // ---- where each curve is lowest, and which estimators go down it
  const std::size_t width = f.axes[0].size();
  const auto place = [&](std::ptrdiff_t i) {
    std::vector<double> at;
    if (i >= 0) {
      at.push_back(f.axes[0][static_cast<std::size_t>(i) % width]);
      if (f.axes.size() > 1) at.push_back(f.axes[1][static_cast<std::size_t>(i) / width]);
    }
    return at;
  };
  std::vector<std::string> heads{"curve"};
  for (const Axis& axis : axes) heads.push_back("lowest at " + axis.name);
  heads.emplace_back("loss there");
  Table lows(heads);
  const auto low_of = [&](const Field& field) {
    const std::ptrdiff_t i = lowest(field.values);
    const std::vector<double> at = place(i);
    std::vector<std::string> row{field.name};
    for (std::size_t k = 0; k < axes.size(); ++k) row.push_back(i < 0 ? "-" : digits(at[k]));
    row.push_back(i < 0 ? "-" : digits(field.values[static_cast<std::size_t>(i)]));
    lows.row(std::move(row));
    return i < 0 ? Json(nullptr)
                 : Json{{"at", at}, {"loss", field.values[static_cast<std::size_t>(i)]}};
  };
  Json result = s.result(study);
  Json axes_json = Json::array();
  for (std::size_t k = 0; k < axes.size(); ++k)
    axes_json.push_back({{"name", axes[k].name},
                         {"from", axes[k].from},
                         {"to", axes[k].to},
                         {"log", axes[k].logarithmic},
                         {"count", axes[k].count},
                         {"values", f.axes[k]}});
  result["axes"] = std::move(axes_json);
  result["points"] = f.done;
  result["diverged"] = f.diverged;
  result["loss"] = f.loss.values;
  result["lowest"] = low_of(f.loss);
  Json smoothed = Json::array(), slopes = Json::array();
  for (std::size_t k = 0; k < sigmas.size(); ++k) {
    Json one{{"sigma", sigmas[k]}, {"loss", f.smoothed[k].values}};
    one["lowest"] = low_of(f.smoothed[k]);
    smoothed.push_back(std::move(one));
  }
  Table signs({"estimator", axes.size() == 1 ? "goes the curve's way" : "goes down the map"});
  if (axes.size() == 1) {
    const std::vector<double> curve = quotients(f.axes[0], f.loss.values);
    for (const Field& slope : f.slopes) {
      const double share = agreement(slope.values, curve);
      signs.row({slope.name, percent(share, 0)});
      slopes.push_back({{"name", slope.name}, {"slope", slope.values}, {"sign_agreement", share}});
    }
  } else {
    for (std::size_t k = 0; k < f.slopes.size(); ++k) {
      const PlaneSlopes seen = plane_slopes(f, k);
      const double share = downhill_share(seen, axes[0], axes[1], f.loss.values);
      signs.row({seen.name, percent(share, 0)});
      Json at = Json::array(), slope = Json::array();
      for (std::size_t i = 0; i < seen.points.size(); ++i) {
        at.push_back(place(static_cast<std::ptrdiff_t>(seen.points[i])));
        slope.push_back({seen.along[i], seen.across[i]});
      }
      slopes.push_back({{"name", seen.name},
                        {"at", std::move(at)},
                        {"slope", std::move(slope)},
                        {"sign_agreement", share}});
    }
  }
  result["smoothed"] = std::move(smoothed);
  result["slopes"] = std::move(slopes);

  in.console.print(fmt::format("{}, {} steps: {} points, {} diverge\n", s.title(study),
                               s.problem.steps, grouped(f.done), grouped(f.diverged)));
  in.console.print(lows.text());
  if (!f.slopes.empty()) in.console.print("\n" + signs.text());

  ReportPage page("The landscape of a run's loss");
  auto facts = s.facts(study);
  for (const Axis& axis : axes)
    facts.emplace_back("along " + axis.name,
                       fmt::format("{:g} to {:g}, {} values{}", axis.from, axis.to, axis.count,
                                   axis.logarithmic ? " in equal factors" : ""));
  facts.emplace_back("diverged", fmt::format("{} of {} runs", f.diverged, f.done));
  page.facts(facts);
  if (StopGuard::asked()) page.paragraph("Interrupted: this is what was done until then.");
  if (axes.size() == 1)
    draw_line(f, axes[0], figures, in.console, page);
  else
    draw_plane(f, axes, arrows, figures, in.console, page);
  page.table("Lowest losses", lows,
             "Where each curve is lowest on the grid. Smoothing moves the lowest place when the "
             "one without it is a narrow valley, which noise does not find.");
  if (!f.slopes.empty())
    page.table(
        "Signs", signs,
        axes.size() == 1
            ? "The share of points at which an estimator's slope has the sign of the curve's own, "
              "by differences between neighbours. Near a half, it is of no use on this scale."
            : "The share of arrows that are within a right angle of the map's own steepest way "
              "down, by differences between neighbours. Near a half, they are of no use on this "
              "scale.");

  Json rows = Json::array();
  const std::string second =
      axes.size() < 2 ? "" : axes[1].name + (axes[1].name == axes[0].name ? " 2" : "");
  for (std::size_t i = 0; i < f.loss.values.size(); ++i) {
    Json row{{axes[0].name, f.axes[0][i % width]}};
    if (axes.size() > 1) row[second] = f.axes[1][i / width];
    row["loss"] = f.loss.values[i];
    for (const Field& field : f.smoothed) row[field.name] = field.values[i];
    for (std::size_t k = 0; k < f.slopes.size(); ++k) {
      const std::string slope = "slope " + f.slopes[k].name;
      row[axes.size() < 2 ? slope : slope + " along " + axes[0].name] = f.slopes[k].values[i];
      if (axes.size() > 1) row[slope + " along " + second] = f.across[k].values[i];
    }
    rows.push_back(std::move(row));
  }
  finish_study(in, page, rows, std::move(result));
  return exit_done;
}

}  // namespace metatape::cli

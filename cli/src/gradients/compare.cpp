// compare.cpp: `metatape gradients compare`: estimators of one gradient, held against the exact
// one: how wrong, how noisy, how dear.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "../commands.hpp"
#include "../figure.hpp"
#include "../signals.hpp"
#include "budget.hpp"
#include "metatape/metalearn/laboratory/comparison.hpp"
#include "study.hpp"

namespace metatape::cli {

namespace {

using metalearn::Comparison;
using metalearn::EstimatorReport;

std::string seconds_text(double s) {
  return s < 1e-3 ? fmt::format("{:.3g} µs", 1e6 * s)
         : s < 1  ? fmt::format("{:.3g} ms", 1e3 * s)
                  : fmt::format("{:.3g} s", s);
}

std::string bytes_text(std::size_t bytes) {
  const auto n = static_cast<double>(bytes);
  return n < 1024 * 1024 ? fmt::format("{:.1f} KiB", n / 1024)
                         : fmt::format("{:.1f} MiB", n / (1024 * 1024));
}

// Relative to the gradient.
double rounding_of(DType dtype) { return dtype == DType::f64 ? 1e-8 : 1e-3; }

bool biased(const EstimatorReport& e, DType dtype) {
  return std::abs(e.relative_bias) > e.relative_bias_ci95 + rounding_of(dtype);
}

Table table_of(const Comparison& c, DType dtype) {
  Table table({"estimator", "samples", "cosine", "relative bias", "95 %", "", "std. deviation",
               "time", "memory", "diverged"});
  table.left(5);
  const double norm = c.reference.norm();
  for (const EstimatorReport& e : c.estimators) {
    const bool any = e.samples > 0;
    table.row({e.name, std::to_string(e.samples), any ? digits(e.cosine) : "-",
               digits(e.relative_bias),
               std::isfinite(e.relative_bias_ci95) ? "± " + digits(e.relative_bias_ci95) : "-",
               biased(e, dtype) ? "biased" : "", any ? digits(std::sqrt(e.variance) / norm) : "-",
               seconds_text(e.seconds_per_estimate), bytes_text(e.peak_bytes),
               e.diverged > 0 ? std::to_string(e.diverged) : ""});
  }
  return table;
}

Json rows_of(const Comparison& c) {
  Json rows = Json::array();
  for (const EstimatorReport& e : c.estimators) {
    const bool any = e.samples > 0;
    const Json none;
    rows.push_back({{"name", e.name},
                    {"gradient", any ? numbers_of(e.mean) : none},
                    {"samples", e.samples},
                    {"diverged", e.diverged},
                    {"cosine", any ? Json(e.cosine) : none},
                    {"relative_bias", e.relative_bias},
                    {"relative_bias_ci95", e.relative_bias_ci95},
                    {"variance", any ? Json(e.variance) : none},
                    {"variance_spectrum", any ? Json(e.variance_spectrum) : none},
                    {"mean_squared_error", e.mean_squared_error},
                    {"seconds_per_estimate", e.seconds_per_estimate},
                    {"peak_bytes", e.peak_bytes}});
  }
  return rows;
}

// What is drawn of it, each with a word for the reader.
void draw(const Comparison& c, const std::filesystem::path& folder, Console& console,
          ReportPage& page) {
  const double rounding = rounding_of(c.reference.dtype());
  constexpr double linear_bias = 3;  // beyond it small ones would not be seen beside it
  const double norm = c.reference.norm();
  Figure bias{.title = "Relative bias, with its 95 % interval",
              .y_label = "relative bias",
              .series = {{.points = true}},
              .levels = {{"no bias", 0}},
              .compact = true};
  Figure error{.title = "Error of one estimate against its time",
               .x_label = "seconds for an estimate",
               .y_label = "error / length of the gradient",
               .log_x = true,
               .log_y = true,
               .compact = true};
  Figure memory{.title = "Memory of an estimate",
                .y_label = "KiB",
                .log_y = true,
                .series = {{.points = true}},
                .compact = true};
  Figure spectrum{.title = "Variance by direction",
                  .x_label = "direction, the noisiest first",
                  .y_label = "variance / length² of the gradient",
                  .log_y = true,
                  .compact = true};
  for (const EstimatorReport& e : c.estimators) {
    Series& b = bias.series.front();
    bias.categories.push_back(e.name);
    b.y.push_back(e.relative_bias);
    bias.signed_log_y |= std::abs(e.relative_bias) + e.relative_bias_ci95 > linear_bias;
    b.low.push_back(e.relative_bias - e.relative_bias_ci95);
    b.high.push_back(e.relative_bias + e.relative_bias_ci95);
    memory.categories.push_back(e.name);
    memory.series.front().y.push_back(static_cast<double>(e.peak_bytes) / 1024);
    const double off = std::sqrt(e.mean_squared_error) / norm;
    if (std::isfinite(off) && off > rounding)
      error.series.push_back({.name = e.name,
                              .x = {e.seconds_per_estimate},
                              .y = {off},
                              .points = true,
                              .large = true});
    Series directions{.name = e.name};
    for (std::size_t i = 0; i < e.variance_spectrum.size(); ++i)
      if (const double v = e.variance_spectrum[i] / (norm * norm); std::isfinite(v) && v > 0) {
        directions.x.push_back(static_cast<double>(i + 1));
        directions.y.push_back(v);
      }
    if (e.variance_spectrum.size() > 1 && !directions.y.empty())
      spectrum.series.push_back(std::move(directions));
  }
  write_figure(bias, folder, "bias", console);
  page.figure(
      folder, "bias", "Bias",
      "How far the mean of all samples is from the exact gradient, along it: 0 is right, -1 "
      "means that nothing of it is left, below -1 the sign is wrong. An unbiased estimator's "
      "whisker crosses 0; no number of samples mends one whose whisker does not.");
  write_figure(error, folder, "error-by-time", console);
  page.figure(
      folder, "error-by-time", "Error and time",
      "The root mean square error of a single estimate, bias and noise together, relative "
      "to the gradient's length. Lower left is better. Above 1 an estimate is mostly noise, "
      "which averaging takes down by the square root of the number of estimates; bias stays. "
      "Estimators that are exact but for rounding are not drawn.");
  write_figure(memory, folder, "memory", console);
  page.figure(folder, "memory", "Memory",
              "The most that tapes and kept states held at once. What records the whole run grows "
              "with its steps; forward mode, windows and evolution strategies do not.");
  write_figure(spectrum, folder, "variance-spectrum", console);
  page.figure(
      folder, "variance-spectrum", "Where the noise is",
      "Eigenvalues of the covariance of one estimate. A flat line is noise in all directions "
      "alike, as evolution strategies have it; a steep one is noise in few of them.");
}

}  // namespace

int gradients_compare(Invocation& in) {
  StudySettings s;
  s.problem.steps = 50;
  EstimatorSettings e{.names = {"exact", "first", "truncated:10", "es:64", "pes:64"}};
  std::int64_t samples = 100;
  bool fresh_runs = false;
  std::optional<std::int64_t> budget;
  s.declare(in, true);
  e.declare(in.settings);
  in.settings.add("samples", samples, "estimates of each that is random",
                  {.least = 1, .most = 1e9});
  in.settings.add("fresh-runs", fresh_runs,
                  "a new function and minibatches for each sample, instead of one run's");
  in.settings.add(
      "memory-budget", budget,
      "bytes that `exact` keeps within, of the reference too: recorded whole where it "
      "fits, else in segments that are recorded again",
      {.value_name = "BYTES", .least = 1, .most = 1e15, .default_text = "recorded whole"});
  in.take({.seed = true, .threads = true, .run = true, .dtype = true});
  in.parse();
  const Study study = s.make(in);
  if (!in.settings.given("estimators"))  // whatever the run's length
    e.names[2] = fmt::format("truncated:{}", std::min(10, s.problem.steps));
  std::vector<metalearn::AnyEstimator> estimators = e.make(study);
  if (estimators.empty()) throw UsageError("compare needs --estimators NAME,...");
  Threads threads(in.common.threads);
  const metalearn::AnyEstimator exact =
      budget ? exact_within(study, *budget, &threads) : metalearn::AnyEstimator();
  for (std::size_t i = 0; i < estimators.size(); ++i)
    if (e.names[i] == "exact") estimators[i] = exact;
  const StopGuard guard;
  const std::filesystem::path figures = in.open_run().figures();

  Comparison c;
  {
    Progress progress(in.console, {.what = "samples", .total = samples});
    WorkCount count(progress);
    c = metalearn::compare_estimators(study.runs(), study.phi, estimators,
                                      {.samples = samples,
                                       .fresh_runs = fresh_runs,
                                       .reference = exact,
                                       .key = study.key,
                                       .stop = std::ref(count)},
                                      &threads);
  }
  const Table table = table_of(c, in.common.number());
  in.console.print(fmt::format("{} by {}, {} steps: loss {}, exact gradient of length {}\n",
                               s.problem.optimizee, study.optimizer_name, s.problem.steps,
                               digits(c.loss), digits(c.reference.norm())));
  in.console.print(table.text());

  ReportPage page("Estimators of one gradient");
  auto facts = s.facts(study);
  facts.emplace_back("loss L", digits(c.loss));
  facts.emplace_back("length of dL/dφ", digits(c.reference.norm()));
  facts.emplace_back("σ, window", fmt::format("{:g}, {}", *e.sigma, *e.window));
  page.facts(facts);
  if (StopGuard::asked()) page.paragraph("Interrupted: this is what was done until then.");
  page.table(
      "Against the exact gradient", table,
      "Cosine: 1 where the mean of all samples points the right way. Relative bias: its "
      "error along the gradient, with the 95 % interval; called biased where the interval "
      "does not hold 0. Standard deviation: the noise of one estimate, in lengths of the "
      "gradient. Evolution strategies are unbiased for the loss smoothed by σ, and so differ "
      "from the exact gradient by a little where the loss bends.");
  draw(c, figures, in.console, page);

  Json rows = rows_of(c), result = s.result(study);
  result["sigma"] = *e.sigma;
  result["window"] = *e.window;
  result["fresh_runs"] = fresh_runs;
  result["memory_budget"] = budget ? Json(*budget) : Json(nullptr);
  result["loss"] = c.loss;
  result["reference"] = numbers_of(c.reference);
  result["estimators"] = rows;
  finish_study(in, page, rows, std::move(result));
  return exit_done;
}

}  // namespace metatape::cli

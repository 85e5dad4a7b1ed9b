// compare.cpp: `metatape gradients compare`: estimators of one gradient, held against the exact
// one: how wrong, how noisy, how dear; of one run or of several lengths, for one σ or several.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "../commands.hpp"
#include "../figure.hpp"
#include "../signals.hpp"
#include "budget.hpp"
#include "metatape/metalearn/laboratory/comparison.hpp"
#include "study.hpp"
#include "sweep.hpp"

namespace metatape::cli {

namespace {

using metalearn::Comparison;
using AllCompared = std::vector<Compared>;
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

// What rows differ in has a column; the rest is said once.
struct Columns {
  bool steps = false, sigma = false;
};

Table table_of(const AllCompared& rows, const Columns& columns, DType dtype) {
  std::vector<std::string> heads{"estimator"};
  if (columns.steps) heads.emplace_back("steps");
  if (columns.sigma) heads.emplace_back("sigma");
  for (const char* head : {"samples", "cosine", "relative bias", "95 %", "", "std. deviation",
                           "time", "memory", "diverged"})
    heads.emplace_back(head);
  const std::size_t verdict = heads.size() - 5;
  Table table(std::move(heads));
  table.left(verdict);
  for (const Compared& row : rows) {
    const EstimatorReport& e = row.report;
    const bool any = e.samples > 0;
    std::vector<std::string> cells{e.name};
    if (columns.steps) cells.push_back(grouped(row.steps));
    if (columns.sigma) cells.push_back(row.sigma ? digits(*row.sigma) : "");
    for (std::string cell :
         {std::to_string(e.samples), any ? digits(e.cosine) : "-", digits(e.relative_bias),
          std::isfinite(e.relative_bias_ci95) ? "± " + digits(e.relative_bias_ci95) : "-",
          std::string(biased(e, dtype) ? "biased" : ""),
          any ? digits(std::sqrt(e.variance) / row.gradient_length) : "-",
          seconds_text(e.seconds_per_estimate), bytes_text(e.peak_bytes),
          e.diverged > 0 ? std::to_string(e.diverged) : ""})
      cells.push_back(std::move(cell));
    table.row(std::move(cells));
  }
  return table;
}

Json rows_of(const AllCompared& all) {
  Json rows = Json::array();
  for (const Compared& row : all) {
    const EstimatorReport& e = row.report;
    const bool any = e.samples > 0;
    const Json none;
    rows.push_back({{"name", e.name},
                    {"steps", row.steps},
                    {"sigma", row.sigma ? Json(*row.sigma) : none},
                    {"gradient", any ? numbers_of(e.mean) : none},
                    {"samples", e.samples},
                    {"diverged", e.diverged},
                    {"cosine", any ? Json(e.cosine) : none},
                    {"relative_bias", e.relative_bias},
                    {"relative_bias_ci95", e.relative_bias_ci95},
                    {"variance", any ? Json(e.variance) : none},
                    {"variance_spectrum", any ? Json(e.variance_spectrum) : none},
                    {"mean_squared_error", e.mean_squared_error},
                    {"reference_length", row.gradient_length},
                    {"seconds_per_estimate", e.seconds_per_estimate},
                    {"peak_bytes", e.peak_bytes}});
  }
  return rows;
}

// What is drawn of it, each with a word for the reader.
void draw(const AllCompared& rows, DType dtype, const std::filesystem::path& folder,
          Console& console, ReportPage& page) {
  const double rounding = rounding_of(dtype);
  constexpr double linear_bias = 3;  // beyond it small ones would not be seen beside it
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
  for (const Compared& row : rows) {
    const EstimatorReport& e = row.report;
    const double norm = row.gradient_length;
    Series& b = bias.series.front();
    bias.categories.push_back(row.label);
    b.y.push_back(e.relative_bias);
    bias.signed_log_y |= std::abs(e.relative_bias) + e.relative_bias_ci95 > linear_bias;
    b.low.push_back(e.relative_bias - e.relative_bias_ci95);
    b.high.push_back(e.relative_bias + e.relative_bias_ci95);
    memory.categories.push_back(row.label);
    memory.series.front().y.push_back(static_cast<double>(e.peak_bytes) / 1024);
    const double off = std::sqrt(e.mean_squared_error) / norm;
    if (std::isfinite(off) && off > rounding)
      error.series.push_back({.name = row.label,
                              .x = {e.seconds_per_estimate},
                              .y = {off},
                              .points = true,
                              .large = true});
    Series directions{.name = row.label};
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
  std::vector<std::string> length_list;
  s.declare(in, true);
  e.declare(in.settings);
  in.settings.add("samples", samples, "estimates of each that is random",
                  {.least = 1, .most = 1e9});
  in.settings.add("lengths", length_list,
                  "of runs beside that of --steps, each against its own exact gradient; estimators "
                  "with a longer window are left out there",
                  {.value_name = "N,...", .default_text = "none"});
  in.settings.add("fresh-runs", fresh_runs,
                  "a new function and minibatches for each sample, instead of one run's");
  in.settings.add(
      "memory-budget", budget,
      "bytes that `exact` keeps within, of the reference too: recorded whole where it "
      "fits, else in segments that are recorded again",
      {.value_name = "BYTES", .least = 1, .most = 1e15, .default_text = "recorded whole"});
  in.take({.seed = true, .threads = true, .run = true, .dtype = true, .profile = true});
  in.parse();
  const Study study = s.make(in);
  std::vector<std::int64_t> lengths = lengths_of(length_list, s.problem.steps);
  if (lengths.empty() || lengths.back() < s.problem.steps) lengths.push_back(s.problem.steps);
  if (!in.settings.given("estimators"))  // whatever the run's length
    e.names[2] = fmt::format("truncated:{}", std::min(10, s.problem.steps));
  std::vector<AskedEstimator> asked = e.make(study);
  if (asked.empty()) throw UsageError("compare needs --estimators NAME,...");
  Threads threads(in.common.threads);
  const metalearn::AnyEstimator exact =
      budget ? exact_within(study, *budget, &threads) : metalearn::AnyEstimator();
  for (AskedEstimator& a : asked)
    if (a.label == "exact") {
      a.estimator = exact;
      a.label = exact.name();
    }
  const StopGuard guard;
  const std::filesystem::path figures = in.open_run().figures();

  // The longest first, so that an interruption leaves the run that was asked for.
  std::vector<std::pair<std::int64_t, Comparison>> comparisons;
  AllCompared all;
  {
    Progress progress(in.console, {.what = "samples", .total = samples * std::ssize(lengths)});
    WorkCount count(progress);
    for (auto steps = lengths.rbegin(); steps != lengths.rend(); ++steps) {
      if (!comparisons.empty() && StopGuard::asked()) break;
      std::vector<AskedEstimator> fitting;
      std::vector<metalearn::AnyEstimator> estimators;
      for (const AskedEstimator& a : asked)
        if (a.estimator.window(*steps) <= *steps) {
          fitting.push_back(a);
          estimators.push_back(a.estimator);
        }
      const Comparison c =
          metalearn::compare_estimators(study.runs_of(*steps), study.phi, estimators,
                                        {.samples = samples,
                                         .fresh_runs = fresh_runs,
                                         .reference = exact,
                                         .key = study.key,
                                         .stop = std::ref(count)},
                                        &threads);
      AllCompared rows;
      for (std::size_t i = 0; i < fitting.size(); ++i)
        rows.push_back({.label = fitting[i].label,
                        .steps = *steps,
                        .sigma = fitting[i].sigma,
                        .gradient_length = c.reference.norm(),
                        .report = c.estimators[i]});
      all.insert(all.begin(), rows.begin(), rows.end());
      comparisons.emplace(comparisons.begin(), *steps, c);
    }
  }
  const Comparison& longest = comparisons.back().second;
  const Columns columns{.steps = lengths.size() > 1, .sigma = e.sigma.size() > 1};
  const Table table = table_of(all, columns, in.common.number());
  for (const auto& [steps, c] : comparisons)
    in.console.print(fmt::format("{}, {} steps: loss {}, exact gradient of length {}\n",
                                 s.title(study), steps, digits(c.loss),
                                 digits(c.reference.norm())));
  in.console.print(table.text());

  ReportPage page("Estimators of one gradient");
  auto facts = s.facts(study);
  facts.emplace_back("loss L", digits(longest.loss));
  facts.emplace_back("length of dL/dφ", digits(longest.reference.norm()));
  facts.emplace_back("σ", joined(e.sigma, ", "));
  facts.emplace_back("window", grouped(*e.window));
  page.facts(facts);
  if (StopGuard::asked()) page.paragraph("Interrupted: this is what was done until then.");
  page.table(
      "Against the exact gradient", table,
      "Cosine: 1 where the mean of all samples points the right way. Relative bias: its "
      "error along the gradient, with the 95 % interval; called biased where the interval "
      "does not hold 0. Standard deviation: the noise of one estimate, in lengths of the "
      "gradient. Evolution strategies are unbiased for the loss smoothed by σ, and so differ "
      "from the exact gradient by a little where the loss bends.");
  const bool curves = draw_sweeps(all, figures, in.console, page);
  AllCompared of_longest;
  std::ranges::copy_if(all, std::back_inserter(of_longest),
                       [&](const Compared& row) { return row.steps == s.problem.steps; });
  if (curves)
    page.heading(columns.steps ? fmt::format("Runs of {} steps", grouped(s.problem.steps))
                               : "All of them");
  draw(of_longest, in.common.number(), figures, in.console, page);

  Json rows = rows_of(all), result = s.result(study), runs = Json::array();
  for (const auto& [steps, c] : comparisons)
    runs.push_back({{"steps", steps},
                    {"loss", c.loss},
                    {"reference", numbers_of(c.reference)},
                    {"reference_length", c.reference.norm()}});
  result["sigma"] = e.sigmas();
  result["window"] = *e.window;
  result["fresh_runs"] = fresh_runs;
  result["memory_budget"] = budget ? Json(*budget) : Json(nullptr);
  result["loss"] = longest.loss;
  result["reference"] = numbers_of(longest.reference);
  result["runs"] = std::move(runs);
  result["estimators"] = rows;
  finish_study(in, page, rows, std::move(result));
  return exit_done;
}

}  // namespace metatape::cli

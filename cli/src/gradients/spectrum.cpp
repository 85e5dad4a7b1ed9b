// spectrum.cpp: `metatape gradients spectrum`: how a run stretches small differences: singular
// values and Lyapunov exponents of its state's Jacobian.
#include "metatape/metalearn/laboratory/spectrum.hpp"

#include <fmt/format.h>

#include <cmath>

#include "../commands.hpp"
#include "../figure.hpp"
#include "../signals.hpp"
#include "study.hpp"

namespace metatape::cli {

int gradients_spectrum(Invocation& in) {
  StudySettings s;
  int count = 4, iterations = 200;
  s.declare(in, false);
  in.settings.section("Spectrum");
  in.settings.add("count", count, "of the largest singular values, and of exponents",
                  {.least = 1, .most = 1e6});
  in.settings.add("iterations", iterations, "of subspace iteration, at most",
                  {.least = 1, .most = 1e6});
  in.take({.seed = true, .threads = true, .run = true, .dtype = true, .profile = true});
  in.parse();
  const Study study = s.make(in);
  const StopGuard guard;
  const std::filesystem::path figures = in.open_run().figures();

  Threads threads(in.common.threads);
  metalearn::Spectrum found;
  {
    Progress progress(in.console, {.what = "iterations"});
    WorkCount counted(progress);
    const metalearn::Dynamics run = study.runs()(study.phi, study.key);
    found = metalearn::spectrum_of(run, study.phi,
                                   {.count = count,
                                    .iterations = iterations,
                                    .key = study.key.split("vectors"),
                                    .stop = std::ref(counted)},
                                   &threads);
  }

  Table table({"", "singular value", "its logarithm", "Lyapunov exponent"});
  Json rows = Json::array();
  Series values{.name = "singular values", .points = true, .large = true};
  Series exponents{.name = "Lyapunov exponents", .points = true};
  Figure lyapunov{
      .title = "Lyapunov exponents", .y_label = "a step", .levels = {{"chaos above", 0}}};
  const auto at = [](const std::vector<double>& all, std::size_t i) {
    return i < all.size() ? all[i] : std::nan("");
  };
  for (std::size_t i = 0; i < std::max(found.log_singular_values.size(), found.lyapunov.size());
       ++i) {
    const double value = at(found.singular_values, i), exponent = at(found.lyapunov, i);
    const double logarithm = at(found.log_singular_values, i);
    table.row({std::to_string(i + 1), digits(value), digits(logarithm), digits(exponent)});
    rows.push_back({{"number", i + 1},
                    {"singular_value", value},
                    {"log_singular_value", logarithm},
                    {"lyapunov", exponent}});
    values.x.push_back(static_cast<double>(i + 1));
    values.y.push_back(logarithm / std::log(10.0));
    lyapunov.categories.push_back(std::to_string(i + 1));
    exponents.y.push_back(exponent);
  }
  lyapunov.series = {std::move(exponents)};
  lyapunov.compact = true;
  Series growth{.name = "the direction that grows most"};
  for (std::size_t t = 0; t < found.growth.size(); ++t) {
    growth.x.push_back(static_cast<double>(t + 1));
    growth.y.push_back(found.growth[t] / std::log(10.0));
  }
  write_figure({.title = "Growth along the run",
                .x_label = "step",
                .y_label = "log10 of the stretch",
                .series = {std::move(growth)},
                .levels = {{"unchanged", 0}},
                .compact = true},
               figures, "growth", in.console);
  write_figure({.title = "Singular values of the state's Jacobian",
                .x_label = "number",
                .y_label = "log10 of the singular value",
                .series = {std::move(values)},
                .levels = {{"unchanged", 0}},
                .compact = true},
               figures, "singular-values", in.console);
  write_figure(lyapunov, figures, "lyapunov", in.console);

  in.console.print(fmt::format("{}, {} steps\n", s.title(study), s.problem.steps));
  in.console.print(table.text());
  if (!found.converged)
    in.console.warn(fmt::format(
        "singular values still move after {} iterations; try more --iterations, or another --count",
        found.iterations));

  ReportPage page("What a run does to small differences");
  auto facts = s.facts(study);
  facts.emplace_back("iterations", fmt::format("{}{}", found.iterations,
                                               found.converged ? "" : ", not converged"));
  page.facts(facts);
  if (StopGuard::asked()) page.paragraph("Interrupted: this is what was found until then.");
  page.table(
      "The largest", table,
      "Singular values: by how much differences in the run's first state are stretched at its "
      "end, at most. An exact gradient grows or fades alike. Lyapunov exponents: the same as "
      "a rate a step; e^(exponent · steps) is the growth of a long run.");
  page.figure(
      figures, "growth", "Growth along the run",
      "How long the difference has become that grows most over the whole run. A straight line "
      "that rises is chaos: gradients grow tenfold with every unit, whatever is done to "
      "them afterwards. One that falls forgets its beginning.");
  page.figure(figures, "singular-values", "Singular values",
              "Each unit is a factor of ten. A few above 0 and all others far below: the gradient "
              "lives in few directions of the state.");
  page.figure(
      figures, "lyapunov", "Lyapunov exponents",
      "Above 0, neighbouring runs part exponentially: the exact gradient of a long run says "
      "nothing of the landscape at any usable scale. Shorten the run, smooth the loss (es, "
      "pes), or take an optimizer whose steps contract.");

  Json result = s.result(study);
  result["singular_values"] = found.singular_values;
  result["log_singular_values"] = found.log_singular_values;
  result["lyapunov"] = found.lyapunov;
  result["iterations"] = found.iterations;
  result["converged"] = found.converged;
  finish_study(in, page, rows, std::move(result));
  return exit_done;
}

}  // namespace metatape::cli

// horizon.cpp: `metatape gradients horizon`: the gradient by how far it looks: over runs of growing
// length, and through windows of growing length over one long run.
#include "metatape/metalearn/laboratory/horizon.hpp"

#include <fmt/format.h>

#include <cmath>

#include "../commands.hpp"
#include "../figure.hpp"
#include "../signals.hpp"
#include "study.hpp"

namespace metatape::cli {

namespace {

using metalearn::HorizonPoint;

// Where the longest run has no gradient, nothing can be held against it.
double cosine_of(const HorizonPoint& p) {
  return std::isfinite(p.relative_bias) ? p.cosine : std::nan("");
}

Table table_of(const std::vector<HorizonPoint>& points, const char* first) {
  Table table({first, "loss", "length", "cosine", "relative bias", ""});
  table.left(5);
  for (const HorizonPoint& p : points)
    table.row({grouped(p.steps), digits(p.loss), digits(p.norm), digits(cosine_of(p)),
               digits(p.relative_bias),
               p.diverged ? fmt::format("diverges at step {}", *p.diverged) : ""});
  return table;
}

Json rows_of(const std::vector<HorizonPoint>& points) {
  Json rows = Json::array();
  for (const HorizonPoint& p : points)
    rows.push_back({{"steps", p.steps},
                    {"loss", p.loss},
                    {"norm", p.norm},
                    {"cosine", cosine_of(p)},
                    {"relative_bias", p.relative_bias},
                    {"diverged", p.diverged ? Json(*p.diverged) : Json(nullptr)}});
  return rows;
}

Series curve(const std::vector<HorizonPoint>& points, const char* name, bool logarithmic,
             double (*of)(const HorizonPoint&)) {
  Series series{.name = name};
  for (const HorizonPoint& p : points) {
    const double y = of(p);
    if (!std::isfinite(y) || (logarithmic && !(y > 0))) continue;
    series.x.push_back(static_cast<double>(p.steps));
    series.y.push_back(y);
  }
  return series;
}

}  // namespace

int gradients_horizon(Invocation& in) {
  StudySettings s;
  s.problem.steps = 1000;
  std::string order = "exact";
  std::vector<std::string> length_list;
  s.declare(in, true);
  in.settings.add("order", order, "first: gradients inside the run are constants",
                  {.choices = {"exact", "first"}});
  in.settings.section("Horizon");
  in.settings.add("lengths", length_list, "of runs and of windows",
                  {.value_name = "N,...", .default_text = "1,2,5,10,... up to --steps"});
  in.take({.seed = true, .threads = true, .run = true, .dtype = true, .profile = true});
  in.parse();
  const Study study = s.make(in);
  const std::vector<std::int64_t> lengths = lengths_of(length_list, s.problem.steps);
  const StopGuard guard;
  const std::filesystem::path figures = in.open_run().figures();

  Threads threads(in.common.threads);
  metalearn::Horizon h;
  {
    Progress progress(in.console, {.what = "lengths"});
    WorkCount count(progress);
    h = metalearn::horizon_of(
        [&](std::int64_t steps) { return study.runs_of(steps); }, study.phi, s.problem.steps,
        {.lengths = lengths,
         .order = order == "first" ? metalearn::Order::first : metalearn::Order::exact,
         .key = study.key,
         .stop = std::ref(count)},
        &threads);
  }
  const Table runs = table_of(h.runs, "run of"), windows = table_of(h.windows, "windows of");
  in.console.print(fmt::format("{}\n", s.title(study)));
  in.console.print(runs.text() + "\n" + windows.text());

  const auto draw = [&](const std::string& name, const char* title, const char* y_label, bool log_y,
                        double (*of)(const HorizonPoint&),
                        std::vector<std::pair<std::string, double>> levels) {
    write_figure({.title = title,
                  .x_label = "steps of the run, or of windows",
                  .y_label = y_label,
                  .log_x = true,
                  .log_y = log_y,
                  .series = {curve(h.runs, "runs of this length", log_y, of),
                             curve(h.windows, "the longest run in windows", log_y, of)},
                  .levels = std::move(levels),
                  .compact = true},
                 figures, name, in.console);
  };
  draw("norm", "Length of the gradient", "length of dL/dphi", true,
       [](const HorizonPoint& p) { return p.norm; }, {});
  draw("cosine", "Direction against that of the whole run", "cosine", false,
       [](const HorizonPoint& p) { return cosine_of(p); }, {{"the same direction", 1}});
  draw("bias", "Size of the relative bias", "size of the relative bias", true,
       [](const HorizonPoint& p) { return std::abs(p.relative_bias); }, {});

  ReportPage page("The gradient by how far it looks");
  auto facts = s.facts(study);
  if (order == "first") facts.emplace_back("order", "first: gradients inside are constants");
  page.facts(facts);
  if (StopGuard::asked()) page.paragraph("Interrupted: this is what was done until then.");
  page.figure(figures, "norm", "Length",
              "Both axes are logarithmic. A curve of runs that levels off has seen all there is to "
              "see; one that goes up ever more steeply is a gradient that explodes: beyond that "
              "horizon it says nothing of the landscape.");
  page.figure(figures, "cosine", "Direction",
              "1 where a short look points the way that the whole run does. Below 0 it points the "
              "wrong way: training through such windows makes things worse.");
  page.figure(figures, "bias", "Bias",
              "How far the gradient of a short look is from that of the whole run, along it, "
              "whatever the sign (the tables have it): 1 and more says that nothing of it is left. "
              "Where the curve of windows comes down, windows are long enough.");
  page.table("Runs of growing length", runs,
             "Each against the gradient of the longest run. This is the bias of training on short "
             "runs what is meant for long ones.");
  page.table("The longest run, cut into windows", windows,
             "The bias of truncation: nothing flows back from one window to the one before it.");

  Json all = Json::array();
  for (const auto& [kind, points] : {std::pair{"run", &h.runs}, std::pair{"window", &h.windows}})
    for (const Json& row : rows_of(*points)) {
      Json one{{"of", kind}};
      one.update(row);
      all.push_back(std::move(one));
    }
  Json result = s.result(study);
  result["order"] = order;
  result["runs"] = rows_of(h.runs);
  result["windows"] = rows_of(h.windows);
  result["gradient"] = numbers_of(h.gradient);
  finish_study(in, page, all, std::move(result));
  return exit_done;
}

}  // namespace metatape::cli

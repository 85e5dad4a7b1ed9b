// compare.cpp: `metatape fewshot compare`: runs and baselines on the same episodes. Differences are
// taken episode by episode, so what makes an episode hard for all of them drops out.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "../commands.hpp"
#include "../figure.hpp"
#include "../signals.hpp"
#include "judge.hpp"

namespace metatape::cli {

namespace {

// The runs and baselines of --runs, in its order. UsageError for a repeated one.
std::vector<Judged> open_all(const std::vector<std::string>& names,
                             const std::optional<std::string>& statistics) {
  std::vector<Judged> all;
  std::vector<std::string> places;
  for (const std::string& name : names) {
    const bool baseline = std::ranges::find(untrained_names(), name) != untrained_names().end();
    std::error_code ignored;
    const std::filesystem::path real = std::filesystem::weakly_canonical(name, ignored);
    const std::string place = baseline ? name : (real / "").lexically_normal().string();
    if (const auto before = std::ranges::find(places, place); before != places.end())
      throw UsageError(fmt::format("--runs: '{}' is named twice ('{}')",
                                   names[static_cast<std::size_t>(before - places.begin())], name));
    places.push_back(place);
    all.push_back(baseline ? untrained(name) : open_judged(name, statistics));
  }
  return all;
}

}  // namespace

int fewshot_compare(Invocation& in) {
  FewShotSettings s;
  std::vector<std::string> names;
  std::string split = "test";
  int episodes = 1000;
  in.settings.section("What is compared");
  in.settings.add("runs", names,
                  "runs of `fewshot train`, folders of seed-* runs, nearest, nearest-centred, "
                  "hausdorff; both nearest come along unnamed",
                  {.value_name = "A,B,...", .required = true});
  in.settings.add("split", split, "whose classes",
                  {.choices = {"train", "validation", "test", "all"}});
  s.declare_episodes(in.settings);
  in.settings.add("episodes", episodes, "how many", {.least = 1, .most = 1e8});
  s.declare_splits(in.settings);
  in.settings.section("Learners");
  in.settings.add("statistics", s.statistics, "instead of the runs'",
                  {.choices = {"batch", "support", "running"}, .default_text = "each run's"});
  in.take({.seed = true, .threads = true, .data = true, .out = true, .profile = true});
  in.parse();

  Threads threads(in.common.threads);
  std::vector<Judged> all = open_all(names, s.statistics);
  const std::size_t named = all.size();
  if (const auto first = std::ranges::find_if(all, &Judged::trained); first != all.end())
    take_open(in, s, first->runs[0]);
  for (const Judged& who : all)
    for (const LoadedRun& run : who.runs) try {
        require_way(run.learner, s.way);
      } catch (const UsageError& e) {
        throw UsageError(run.folder + ": " + e.what());
      }
  for (const char* baseline : {"nearest-centred", "nearest"})
    if (std::ranges::find(all, baseline, &Judged::name) == all.end())
      all.push_back(untrained(baseline));

  const tasks::Splits splits = read_splits(s, in.common.data, threads, in.console);
  const tasks::Split& asked = split_of(splits, split);
  Judge judge(asked, episodes, in.common.seed, threads, in.console);
  const auto sampler = judge.sampler(s);
  const RunFolder* folder = in.open_out();
  std::vector<int> seen;
  for (const Judged& who : all)
    seen.push_back(warn_of_trained_classes(who, asked, in.common.data, threads, in.console));

  const StopGuard guard;
  std::vector<Verdict> verdicts;
  for (const Judged& who : all) verdicts.push_back(judge(who, s));

  Table table({"", "learner", "accuracy", "95 %", "transductive", "trained on"});
  table.left(1).left(3).left(4).left(5);
  Json rows = Json::array();
  Figure figure{.title = fmt::format("{}-way {}-shot, {} episodes of the {} split", s.way, s.shot,
                                     episodes, split),
                .y_label = "% of queries right, 95 % interval",
                .series = {{.points = true}},
                .levels = {{"chance", 100.0 / s.way}}};
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Judged& who = all[i];
    const Verdict& v = verdicts[i];
    table.row({who.name, who.learner(), percent(v.over_episodes.accuracy), interval_text(v),
               who.transductive() ? "yes" : "no", who.trained() ? who.runs[0].data : "-"});
    Json row{{"run", who.name}, {"learner", who.learner()}};
    row.update(verdict_json(who, v));
    row["transductive"] = who.transductive();
    row["trained"] = training_json(who);
    row["classes_trained_on"] = seen[i] < 0 ? Json(nullptr) : Json(seen[i]);
    rows.push_back(std::move(row));
    const double y = 100 * v.over_episodes.accuracy, h = 100 * v.over_episodes.ci95;
    figure.categories.push_back(who.name);
    figure.series[0].y.push_back(y);
    figure.series[0].low.push_back(y - h);
    figure.series[0].high.push_back(y + h);
  }

  Table pairs({"difference", "", "mean", "95 %", ""});
  pairs.left(1).left(4);
  Json differences = Json::array();
  for (std::size_t a = 0; a < named; ++a)
    for (std::size_t b = a + 1; b < all.size(); ++b) {
      std::vector<double> each = verdicts[a].over_episodes.accuracies;
      for (std::size_t e = 0; e < each.size(); ++e)
        each[e] -= verdicts[b].over_episodes.accuracies[e];
      const metalearn::Evaluation d = metalearn::summarise(std::move(each));
      const bool known = std::isfinite(d.ci95);
      pairs.row({all[a].name, "- " + all[b].name, fmt::format("{:+.2f} %", 100 * d.accuracy),
                 known ? "± " + percent(d.ci95) : "-",
                 known && std::abs(d.accuracy) <= d.ci95 ? "0 is within" : ""});
      differences.push_back(
          {{"a", all[a].name}, {"b", all[b].name}, {"mean", d.accuracy}, {"ci95", d.ci95}});
    }

  in.console.print(fmt::format("{}-way {}-shot, ", s.way, s.shot) +
                   episodes_text(s, asked, episodes, in.common.data, in.common.seed));
  in.console.print(table.text());
  in.console.print("\npaired, episode by episode:\n" + pairs.text());
  if (folder) write_figure(figure, folder->figures(), "accuracy", in.console);
  Json result{{"runs", std::move(rows)}, {"differences", std::move(differences)}};
  result.update(episodes_json(s, asked, episodes, in.common.data, in.common.seed));
  result["left_out"] = sampler->left_out();
  in.finish(std::move(result));
  return exit_done;
}

}  // namespace metatape::cli

// eval.cpp: `metatape fewshot eval`: accuracy on held-out classes with its interval, beside pixels.
#include <fmt/format.h>

#include "../commands.hpp"
#include "../signals.hpp"
#include "answers_report.hpp"
#include "curves.hpp"
#include "judge.hpp"

namespace metatape::cli {

int fewshot_eval(Invocation& in) {
  FewShotSettings s;
  std::string run, split = "test";
  std::optional<std::string> baseline;
  std::vector<std::string> shot_list, way_list;
  int episodes = 1000;
  in.settings.section("What is judged");
  in.settings.add("run", run, "a run of `fewshot train`, or a folder of its seed-* runs",
                  {.value_name = "DIR"});
  in.settings.add("split", split, "whose classes",
                  {.choices = {"train", "validation", "test", "all"}});
  s.declare_episodes(in.settings);
  in.settings.add("episodes", episodes, "how many", {.least = 1, .most = 1e8});
  in.settings.add("shots", shot_list, "a curve: accuracy at each of these shots",
                  {.value_name = "N,N-N,...", .default_text = "none"});
  in.settings.add("ways", way_list, "the same of ways; with --shots a curve for each",
                  {.value_name = "N,N-N,...", .default_text = "none"});
  s.declare_splits(in.settings);
  in.settings.section("Learner");
  in.settings.add("learner", baseline, "without --run: one that needs no training",
                  {.choices = untrained_names()});
  in.settings.add("statistics", s.statistics, "instead of the run's",
                  {.choices = {"batch", "support", "running"}, .default_text = "the run's"});
  in.take({.seed = true, .threads = true, .data = true, .out = true, .profile = true});
  in.parse();
  if (run.empty() == !baseline)
    throw UsageError(
        run.empty() ? "eval needs --run DIR, or --learner nearest, nearest-centred or hausdorff"
                    : "--run says who the learner is: leave out --learner");
  const std::vector<int> shots = counts_of("shots", shot_list, 1);
  const std::vector<int> ways = counts_of("ways", way_list, 2);
  const bool curve = !shots.empty() || !ways.empty();

  Threads threads(in.common.threads);
  const Judged who = run.empty() ? untrained(*baseline) : open_judged(run, s.statistics);
  if (who.trained()) take_open(in, s, who.runs[0]);
  if (!curve)
    for (const LoadedRun& one : who.runs) require_way(one.learner, s.way);
  const tasks::Splits splits = read_splits(s, in.common.data, threads, in.console);
  const tasks::Split& asked = split_of(splits, split);
  Judge judge(asked, episodes, in.common.seed, threads, in.console);
  const auto sampler = curve ? nullptr : judge.sampler(s);
  const RunFolder* folder = in.open_out();
  const int seen = warn_of_trained_classes(who, asked, in.common.data, threads, in.console);

  const StopGuard guard;
  Json result{{"learner", who.learner()}};
  const auto finish = [&](Json measured) {
    result.update(measured);
    result.update(episodes_json(s, asked, episodes, in.common.data, in.common.seed));
    result["transductive"] = who.transductive();
    result["trained"] = training_json(who);
    result["classes_trained_on"] = seen < 0 ? Json(nullptr) : Json(seen);
  };
  std::string head = episodes_text(s, asked, episodes, in.common.data, in.common.seed);
  if (who.trained())
    head += fmt::format("trained on {}\n{}transductive{}\n", training_text(who),
                        who.transductive() ? "" : "not ",
                        who.transductive() ? ": what a query is called depends on the others" : "");

  if (curve) {
    finish({{"points", curves(judge, who, s, {shots, ways, head}, folder, in.console)}});
    for (const char* of_one : {"way", "shot", "chance"}) result.erase(of_one);
    in.finish(std::move(result));
    return exit_done;
  }

  AnswersReport report(asked.set);
  const Verdict own =
      judge(who, s, [&](const auto& plan, const auto& answers) { report.see(plan, answers); });
  const Verdict nearest = judge(untrained("nearest"), s);
  const Verdict centred = judge(untrained("nearest-centred"), s);

  Table table({"", "accuracy", "95 %"});
  if (who.seeds) table.left(2);
  const auto row = [&](const std::string& name, const Verdict& v) {
    table.row({name, percent(v.over_episodes.accuracy), interval_text(v)});
  };
  row(who.learner(), own);
  row("pixels, ink centred", centred);
  row("pixels", nearest);
  table.row({"chance", percent(1.0 / s.way), ""});
  in.console.print(fmt::format("{}-way {}-shot, ", s.way, s.shot) + head);
  in.console.print(table.text());
  in.console.print(report.text(in.common.verbose));
  if (folder) report.draw(*folder, in.console);

  Json measured = verdict_json(who, own);
  measured["nearest"] = nearest.over_episodes.accuracy;
  measured["nearest_ci95"] = nearest.over_episodes.ci95;
  measured["nearest_centred"] = centred.over_episodes.accuracy;
  measured["nearest_centred_ci95"] = centred.over_episodes.ci95;
  finish(std::move(measured));
  result["left_out"] = sampler->left_out();
  result.update(report.json());
  in.finish(std::move(result));
  return exit_done;
}

}  // namespace metatape::cli

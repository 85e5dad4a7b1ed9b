// eval.cpp: `metatape fewshot eval`: accuracy on held-out classes with its interval, beside pixels.
#include <fmt/format.h>

#include <cmath>

#include "../commands.hpp"
#include "../progress.hpp"
#include "../signals.hpp"
#include "setup.hpp"

namespace metatape::cli {

int fewshot_eval(Invocation& in) {
  FewShotSettings s;
  std::string run, split = "test";
  std::optional<std::string> untrained;
  int episodes = 1000;
  in.settings.section("What is judged");
  in.settings.add("run", run, "a run of `fewshot train`", {.value_name = "DIR"});
  in.settings.add("split", split, "whose classes",
                  {.choices = {"train", "validation", "test", "all"}});
  s.declare_episodes(in.settings);
  in.settings.add("episodes", episodes, "how many", {.least = 1, .most = 1e8});
  s.declare_splits(in.settings);
  in.settings.section("Learner");
  in.settings.add("learner", untrained, "without --run: one that needs no training",
                  {.choices = {"nearest", "nearest-centred", "hausdorff"}});
  in.settings.add("statistics", s.statistics, "instead of the run's",
                  {.choices = {"batch", "support", "running"}, .default_text = "the run's"});
  in.take({.seed = true, .threads = true, .data = true, .out = true});
  in.parse();
  if (run.empty() == !untrained)
    throw UsageError(
        run.empty() ? "eval needs --run DIR, or --learner nearest, nearest-centred or hausdorff"
                    : "--run says who the learner is: leave out --learner");

  Threads threads(in.common.threads);
  std::optional<LoadedRun> loaded;
  bool centre = false;
  if (!run.empty()) {
    loaded = load_run(in, s, run);
    centre = loaded->recipe.centre;
  }
  const tasks::Splits splits = read_splits(s, in.common.data, threads, in.console);
  const tasks::Split& judged = split_of(splits, split);
  if (judged.classes.empty())
    throw UsageError(fmt::format("the {} split of {} has no classes", split, judged.set->name()));
  if (loaded) require_channels(*loaded, *judged.set);
  const auto sampler = evaluation_episodes(s, judged, centre, in.common.seed, in.console);
  in.open_out();

  const auto raw = metalearn::pixel_answers(*sampler, false, &threads);
  const auto centred = metalearn::pixel_answers(*sampler, true, &threads);
  metalearn::Answers answers = untrained == "nearest" ? raw : centred;
  if (untrained == "hausdorff") answers = metalearn::hausdorff_answers(sampler);
  if (loaded)
    answers = metalearn::learner_answers(loaded->learner, loaded->trained, sampler, &threads);

  const StopGuard guard;
  metalearn::Evaluation judgement;
  {
    Progress progress(in.console, {.what = "episodes", .total = episodes});
    judgement = metalearn::evaluate(answers, *sampler, episodes,
                                    {.threads = &threads,
                                     .stop = StopGuard::asked,
                                     .progress = [&](int done) { progress.update(done); }});
  }
  const auto done = static_cast<int>(judgement.accuracies.size());
  if (done < episodes)
    throw Interrupted(
        fmt::format("interrupted after {} of {} episodes; nothing was saved", done, episodes));
  const metalearn::EvaluateOptions quietly{.threads = &threads, .stop = StopGuard::asked};
  const auto nearest = metalearn::evaluate(raw, *sampler, episodes, quietly);
  const auto nearest_centred = metalearn::evaluate(centred, *sampler, episodes, quietly);
  if (StopGuard::asked()) throw Interrupted("interrupted; nothing was saved");

  const std::string name = loaded ? loaded->learner.name() : *untrained;
  const bool transductive = loaded && loaded->learner.transductive();
  const double chance = 1.0 / s.way;
  Table table({"", "accuracy", "95 %"});
  const auto row = [&](const std::string& who, const metalearn::Evaluation& e) {
    table.row({who, percent(e.accuracy), std::isnan(e.ci95) ? "-" : "± " + percent(e.ci95)});
  };
  row(name, judgement);
  row("pixels, ink centred", nearest_centred);
  row("pixels", nearest);
  table.row({"chance", percent(chance), ""});
  in.console.print(fmt::format(
      "{}-way {}-shot, {} episodes of {} queries a class, {} split ({} classes), {}{}\n", s.way,
      s.shot, grouped(episodes), s.query, split, judged.classes.size(),
      s.within_alphabet ? "within alphabets" : "alphabets mixed",
      transductive ? ", transductive" : ""));
  in.console.print(table.text());

  in.finish({{"learner", name},
             {"accuracy", judgement.accuracy},
             {"ci95", judgement.ci95},
             {"episodes", episodes},
             {"way", s.way},
             {"shot", s.shot},
             {"query", s.query},
             {"split", split},
             {"chance", chance},
             {"nearest", nearest.accuracy},
             {"nearest_ci95", nearest.ci95},
             {"nearest_centred", nearest_centred.accuracy},
             {"nearest_centred_ci95", nearest_centred.ci95},
             {"transductive", transductive},
             {"within_alphabet", s.within_alphabet},
             {"rotations", false},
             {"classes", judged.classes.size()},
             {"left_out", sampler->left_out()}});
  return exit_done;
}

}  // namespace metatape::cli

// ablate.cpp: `metatape fewshot ablate`: what of a trained learner does the work, its start or its
// steps. Both are put beside a random start and plain gradient descent at its best rate.
#include <fmt/format.h>

#include <algorithm>

#include "../commands.hpp"
#include "../figure.hpp"
#include "../progress.hpp"
#include "../signals.hpp"
#include "curves.hpp"
#include "judge.hpp"

namespace metatape::cli {

namespace {

using metalearn::AnyLearner;
using metalearn::Evaluation;
using metalearn::Trained;

constexpr double rates[] = {0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1, 3};
constexpr int rate_episodes = 100;  // of the validation split, for each rate

// A run's learner and its rivals, by how many steps they take.
class Variants {
 public:
  explicit Variants(const LoadedRun& run)
      : run_(run),
        inside_(run.recipe.learner == "lstm" ? "start." : ""),
        random_(run.learner.init(Key(run.seed).split("phi"))) {}

  [[nodiscard]] AnyLearner learner(int steps) const {
    metalearn::FewShotRecipe r = run_.recipe;
    r.test_steps = steps;
    return made(r);
  }
  [[nodiscard]] AnyLearner descent(int steps, double rate) const {
    metalearn::FewShotRecipe r = run_.recipe;
    r.learner = "fomaml";
    r.order = metalearn::Order::first;
    r.adapts = metalearn::Adapts::all;
    r.learned_rates = false;
    r.proximal = 0;
    r.test_steps = steps;
    r.inner_rate = rate;
    return made(r);
  }

  [[nodiscard]] Trained learned() const { return run_.trained; }
  [[nodiscard]] Trained untrained() const { return {random_, run_.trained.carry}; }
  // What was learned besides the start, from a random start.
  [[nodiscard]] Trained learned_from_random() const {
    Trained t = run_.trained;
    const Params network = start(random_);
    for (const ParamEntry& e : network.entries())
      t.phi.set(inside_ + e.name, random_[inside_ + e.name]);
    return t;
  }
  [[nodiscard]] bool learned_steps() const {
    return start(random_).entries().size() < random_.entries().size();
  }
  [[nodiscard]] Trained start_alone(bool random) const {
    return {start(random ? random_ : run_.trained.phi), run_.trained.carry};
  }

 private:
  [[nodiscard]] AnyLearner made(const metalearn::FewShotRecipe& recipe) const {
    return metalearn::make_learner(recipe, {.size = image_size, .channels = run_.channels});
  }
  [[nodiscard]] Params start(const Params& phi) const {
    const Params names = descent(1, 1).init(Key{});
    Params network = names;
    for (const ParamEntry& e : names.entries()) network.set(e.name, phi[inside_ + e.name]);
    return network;
  }

  const LoadedRun& run_;
  std::string inside_;  // before the names of the network's weights
  Params random_;       // what its training began with
};

}  // namespace

int fewshot_ablate(Invocation& in) {
  FewShotSettings s;
  std::string run, split = "test";
  std::vector<std::string> step_list;
  int episodes = 1000;
  in.settings.section("What is judged");
  in.settings.add("run", run, "a run of `fewshot train` whose learner takes steps",
                  {.value_name = "DIR", .required = true});
  in.settings.add("steps", step_list, "numbers of steps on the support set",
                  {.value_name = "N,...", .default_text = "those of the run"});
  in.settings.add("split", split, "whose classes",
                  {.choices = {"train", "validation", "test", "all"}});
  s.declare_episodes(in.settings);
  in.settings.add("episodes", episodes, "how many", {.least = 1, .most = 1e8});
  s.declare_splits(in.settings);
  in.take({.seed = true, .threads = true, .data = true, .out = true, .profile = true});
  in.parse();

  std::vector<int> counts = counts_of("steps", step_list, 0);
  Threads threads(in.common.threads);
  const LoadedRun loaded = load_run(in, s, run);
  if (loaded.learner.fixed_way() == 0)
    throw UsageError(fmt::format(
        "{}: {} has no start and no steps of its own; a run of maml, fomaml, reptile or lstm is "
        "needed",
        run, loaded.learner.name()));
  if (counts.empty()) counts.push_back(loaded.recipe.test_steps);
  const tasks::Splits splits = read_splits(s, in.common.data, threads, in.console);
  tasks::Split judged = split_of(splits, split), held_out = splits.validation;
  for (const auto& [which, name] :
       {std::pair{&judged, split}, std::pair{&held_out, std::string("validation")}}) {
    if (which->classes.empty())
      throw UsageError(fmt::format("the {} split of {} has no classes", name, which->set->name()));
    which->set = as_trained(loaded, which->set, in.console);
  }
  const auto sampler =
      evaluation_episodes(s, judged, loaded.recipe.centre, in.common.seed, in.console);
  const auto choosing =
      evaluation_episodes(s, held_out, loaded.recipe.centre, in.common.seed, in.console);
  const RunFolder* folder = in.open_out();

  const Variants variants(loaded);
  const StopGuard guard;
  const std::int64_t of_a_count = episodes * (variants.learned_steps() ? 5 : 4) +
                                  2 * rate_episodes * static_cast<std::int64_t>(std::size(rates));
  Progress progress(in.console, {.what = "episodes",
                                 .total = of_a_count * static_cast<std::int64_t>(counts.size())});
  std::int64_t before = 0;
  const auto evaluate = [&](const AnyLearner& learner, const Trained& trained,
                            const std::shared_ptr<const tasks::EpisodeSampler>& of, int count) {
    Evaluation e = metalearn::evaluate(
        learner, trained, of, count,
        {.threads = &threads, .stop = StopGuard::asked, .progress = [&](int done) {
           progress.update(before + done);
         }});
    if (static_cast<int>(e.accuracies.size()) < count)
      throw Interrupted("interrupted; nothing was saved");
    before += count;
    return e;
  };

  Table table({"", "steps", "accuracy", "95 %", "below the learner", "95 %", "rate"});
  Json by_steps = Json::object();
  std::vector<Series> curves;
  for (const int count : counts) {
    Json of_count = Json::object();
    Evaluation learned;
    const auto add = [&](const char* field, const std::string& what, const Evaluation& e,
                         std::optional<double> rate) {
      if (of_count.empty()) learned = e;
      std::vector<double> less;
      for (std::size_t i = 0; i < e.accuracies.size(); ++i)
        less.push_back(learned.accuracies[i] - e.accuracies[i]);
      const Evaluation below = metalearn::summarise(less);
      Json row{{"accuracy", e.accuracy}, {"ci95", e.ci95}};
      if (!of_count.empty()) {
        row["below_learner"] = below.accuracy;
        row["below_learner_ci95"] = below.ci95;
      }
      if (rate) {
        row["rate"] = *rate;
        row["at_grid_edge"] = *rate == *std::begin(rates) || *rate == *std::rbegin(rates);
      }
      const bool rival = !of_count.empty();
      table.row({what, std::to_string(count), percent(e.accuracy), "± " + percent(e.ci95),
                 rival ? percent(below.accuracy) : "", rival ? "± " + percent(below.ci95) : "",
                 rate ? fmt::format("{:g}", *rate) : ""});
      of_count[field] = std::move(row);
      auto curve = std::ranges::find(curves, what, &Series::name);
      if (curve == curves.end()) curve = curves.insert(curve, Series{.name = what});
      curve->x.push_back(count);
      curve->y.push_back(100 * e.accuracy);
      curve->low.push_back(100 * (e.accuracy - e.ci95));
      curve->high.push_back(100 * (e.accuracy + e.ci95));
    };
    const std::string name = loaded.learner.name();
    const AnyLearner learner = variants.learner(count);
    add("learner", name, evaluate(learner, variants.learned(), sampler, episodes), {});
    add("untrained", name + ", untrained",
        evaluate(learner, variants.untrained(), sampler, episodes), {});
    if (variants.learned_steps())
      add("random_start", "its steps, random start",
          evaluate(learner, variants.learned_from_random(), sampler, episodes), {});
    for (const bool random : {false, true}) {
      const Trained from = variants.start_alone(random);
      double best = 0, best_accuracy = -1;
      for (const double rate : rates) {
        const double accuracy =
            evaluate(variants.descent(count, rate), from, choosing, rate_episodes).accuracy;
        if (accuracy <= best_accuracy) continue;
        best_accuracy = accuracy;
        best = rate;
      }
      add(random ? "sgd_random_start" : "sgd", random ? "SGD, random start" : "SGD, its start",
          evaluate(variants.descent(count, best), from, sampler, episodes), best);
    }
    by_steps[std::to_string(count)] = std::move(of_count);
  }

  in.console.print(fmt::format(
      "{}-way {}-shot, {} episodes of {} queries a class, {} split, trained with {} steps; rates "
      "of "
      "SGD chosen on {} validation episodes\n",
      s.way, s.shot, grouped(episodes), s.query, split, loaded.recipe.inner_steps, rate_episodes));
  in.console.print(table.text());
  if (folder)
    write_figure({.title = "Accuracy by steps on the support set",
                  .x_label = "steps",
                  .y_label = "% of queries right",
                  .series = curves},
                 folder->figures(), "steps", in.console);
  in.finish({{"learner", loaded.learner.name()},
             {"episodes", episodes},
             {"way", s.way},
             {"shot", s.shot},
             {"query", s.query},
             {"split", split},
             {"transductive", loaded.learner.transductive()},
             {"within_alphabet", s.within_alphabet},
             {"inner_steps", loaded.recipe.inner_steps},
             {"steps", by_steps}});
  return exit_done;
}

}  // namespace metatape::cli

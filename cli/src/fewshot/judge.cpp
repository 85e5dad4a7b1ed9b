#include "judge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "../progress.hpp"
#include "../signals.hpp"
#include "metatape/tasks/images/data_spec.hpp"
#include "run_group.hpp"

namespace metatape::cli {

const std::vector<std::string>& untrained_names() {
  static const std::vector<std::string> names{"nearest", "nearest-centred", "hausdorff"};
  return names;
}

Judged untrained(const std::string& name) {
  if (std::ranges::find(untrained_names(), name) == untrained_names().end())
    throw UsageError(unknown_name("learner", name, untrained_names()));
  return {.name = name};
}

Judged open_judged(const std::string& folder, const std::optional<std::string>& statistics) {
  const RunGroup group = find_runs(folder);
  Judged who{.name = folder, .seeds = group.seeds};
  for (const std::string& run : group.folders) who.runs.push_back(load_run(run, statistics));
  return who;
}

double Verdict::lowest() const { return *std::ranges::min_element(seeds); }
double Verdict::highest() const { return *std::ranges::max_element(seeds); }

std::string interval_text(const Verdict& v) {
  const double ci95 = v.over_episodes.ci95;
  std::string text = std::isnan(ci95) ? "-" : "± " + percent(ci95);
  if (v.seeds.size() > 1)
    text += fmt::format("  (of {} seeds {} to {})", v.seeds.size(), percent(v.lowest()),
                        percent(v.highest()));
  return text;
}

Json verdict_json(const Judged& who, const Verdict& v) {
  Json json{{"accuracy", v.over_episodes.accuracy}, {"ci95", v.over_episodes.ci95}};
  if (!who.seeds) return json;
  Json seeds = Json::array();
  for (std::size_t i = 0; i < who.runs.size(); ++i)
    seeds.push_back({{"run", who.runs[i].folder},
                     {"seed", who.runs[i].seed},
                     {"accuracy", v.seeds[i]},
                     {"ci95", v.seeds_ci95[i]}});
  json["seeds"] = std::move(seeds);
  json["seed_low"] = v.lowest();
  json["seed_high"] = v.highest();
  return json;
}

Json training_json(const Judged& who) {
  if (!who.trained()) return nullptr;
  const LoadedRun& run = who.runs[0];
  return {{"data", run.data},          {"recipe", run.settings.recipe},
          {"way", run.recipe.way},     {"shot", run.recipe.shot},
          {"query", run.recipe.query}, {"within", run.recipe.within},
          {"episodes", run.episodes},  {"seed", run.seed}};
}

std::string training_text(const Judged& who) {
  const LoadedRun& run = who.runs.at(0);
  std::string seeds = fmt::format("seed {}", run.seed);
  if (who.seeds) {
    seeds = "seeds";
    for (const LoadedRun& r : who.runs) seeds += fmt::format(" {}", r.seed);
  }
  return fmt::format("{}, {}-way {}-shot, {} queries a class, {} episodes, {}", run.data,
                     run.recipe.way, run.recipe.shot, run.recipe.query, grouped(run.episodes),
                     seeds);
}

std::string episodes_text(const FewShotSettings& s, const tasks::Split& split, int episodes,
                          const std::string& data, std::uint64_t seed) {
  return fmt::format(
      "{} episodes of {} queries a class, {} split ({} classes), {}\n"
      "data {}, episodes of seed {}\n",
      grouped(episodes), s.query, split.name, split.classes.size(),
      s.within_alphabet ? "within alphabets" : "alphabets mixed", data, seed);
}

Json episodes_json(const FewShotSettings& s, const tasks::Split& split, int episodes,
                   const std::string& data, std::uint64_t seed) {
  return {{"episodes", episodes},  {"way", s.way},
          {"shot", s.shot},        {"query", s.query},
          {"split", split.name},   {"within_alphabet", s.within_alphabet},
          {"rotations", false},    {"classes", split.classes.size()},
          {"chance", 1.0 / s.way}, {"data", data},
          {"episode_seed", seed}};
}

Judge::Judge(const tasks::Split& split, int episodes, std::uint64_t seed, Threads& threads,
             Console& console)
    : split_(split), episodes_(episodes), seed_(seed), threads_(threads), console_(console) {
  if (split_.classes.empty())
    throw UsageError(
        fmt::format("the {} split of {} has no classes", split_.name, split_.set->name()));
}

std::shared_ptr<const tasks::EpisodeSampler> Judge::sampler(const FewShotSettings& episodes) const {
  return evaluation_episodes(episodes, split_, false, seed_, console_);
}

Verdict Judge::operator()(const Judged& who, const FewShotSettings& episodes,
                          const Observe& observe) {
  std::vector<metalearn::Evaluation> each;
  if (!who.trained()) each.push_back(one(who, nullptr, episodes, observe));
  for (const LoadedRun& run : who.runs) each.push_back(one(who, &run, episodes, observe));
  Verdict verdict;
  std::vector<double> means(each[0].accuracies.size());
  for (const metalearn::Evaluation& e : each) {
    verdict.seeds.push_back(e.accuracy);
    verdict.seeds_ci95.push_back(e.ci95);
    for (std::size_t i = 0; i < means.size(); ++i)
      means[i] += e.accuracies[i] / static_cast<double>(each.size());
  }
  verdict.over_episodes = metalearn::summarise(std::move(means));
  return verdict;
}

metalearn::Evaluation Judge::one(const Judged& who, const LoadedRun* run,
                                 const FewShotSettings& episodes, const Observe& observe) {
  const std::string name = run ? run->folder : who.name;
  metalearn::Answers answers;
  std::shared_ptr<const tasks::EpisodeSampler> rendered;
  if (!run) {
    rendered = evaluation_episodes(episodes, split_, false, seed_, quiet_);
    answers = who.name == "hausdorff"
                  ? metalearn::hausdorff_answers(rendered)
                  : metalearn::pixel_answers(*rendered, who.name == "nearest-centred", &threads_);
  } else {
    try {
      require_way(run->learner, episodes.way);
    } catch (const UsageError& e) {
      throw UsageError(name + ": " + e.what());
    }
    tasks::Split own = split_;
    own.set = as_trained(*run, split_.set, console_);
    rendered = evaluation_episodes(episodes, own, run->recipe.centre, seed_, quiet_);
    auto& embedded = embedded_[name];
    if (run->learner.embeds_alone() && !embedded)
      embedded = std::make_shared<const metalearn::EmbeddedSplit>(
          metalearn::embed_split(run->learner, run->trained, *rendered, &threads_));
    answers = metalearn::learner_answers(run->learner, run->trained, rendered, &threads_, embedded);
  }
  metalearn::Evaluation e;
  {
    Progress progress(console_, {.what = "episodes of " + name, .total = episodes_});
    e = metalearn::evaluate(answers, *rendered, episodes_,
                            {.threads = &threads_,
                             .stop = StopGuard::asked,
                             .progress = [&](int done) { progress.update(done); },
                             .observe = observe});
  }
  if (const auto done = static_cast<int>(e.accuracies.size()); done < episodes_)
    throw Interrupted(fmt::format("interrupted after {} of {} episodes of {}; nothing was saved",
                                  done, episodes_, name));
  return e;
}

int classes_trained_on(const LoadedRun& run, const tasks::Split& judged, const std::string& data,
                       Threads& threads, Console& console) {
  const tasks::DataSpec here = tasks::parse_data(data);
  try {
    const tasks::DataSpec there = tasks::parse_data(run.data);
    if (there.kind != here.kind) return 0;
    const tasks::Splits theirs = there.text() == here.text()
                                     ? split_set(run.settings, there, judged.set)
                                     : read_splits(run.settings, run.data, threads, console);
    const tasks::ImageSet& set = *theirs.train.set;
    std::map<std::string, int> trained;  // name to first image
    for (const int c : theirs.train.classes) {
      const tasks::ImageSet::Class& one = set.classes()[static_cast<std::size_t>(c)];
      trained[one.name] = one.first;
    }
    int found = 0;
    for (const int c : judged.classes) {
      const tasks::ImageSet::Class& one = judged.set->classes()[static_cast<std::size_t>(c)];
      const auto same = trained.find(one.name);
      found += same != trained.end() && set.image(same->second) == judged.set->image(one.first);
    }
    return found;
  } catch (const Error& e) {
    console.detail(fmt::format("{}: whether it was trained on these classes is not known: {}",
                               run.folder, e.what()));
  }
  return -1;
}

int warn_of_trained_classes(const Judged& who, const tasks::Split& judged, const std::string& data,
                            Threads& threads, Console& console) {
  int most = 0;
  for (const LoadedRun& run : who.runs) {
    const int n = classes_trained_on(run, judged, data, threads, console);
    if (n > 0 && (judged.name == "test" || judged.name == "validation"))
      console.warn(
          fmt::format("{}: was trained on {} of the {} classes that it is judged on: its accuracy "
                      "says nothing of new classes",
                      run.folder, n, judged.classes.size()));
    if (most >= 0) most = n < 0 ? n : std::max(most, n);
  }
  return most;
}

std::shared_ptr<const tasks::ImageSet> as_trained(const LoadedRun& run,
                                                  const std::shared_ptr<const tasks::ImageSet>& set,
                                                  Console& console) {
  if (set->channels() == run.channels) return set;
  console.detail(fmt::format("{}: {} for {}, which was trained on {}", set->name(),
                             run.channels == 1 ? "colours are turned grey (their luminance)"
                                               : "grey images are taken as colour",
                             run.folder, run.channels == 1 ? "grey images" : "colour"));
  return set->with_channels(run.channels);
}

}  // namespace metatape::cli

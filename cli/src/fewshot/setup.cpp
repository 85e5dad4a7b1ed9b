#include "setup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <numeric>

#include "metatape/autodiff/tape.hpp"
#include "metatape/metalearn/fewshot/train.hpp"
#include "metatape/nn/safetensors.hpp"
#include "run_group.hpp"

namespace metatape::cli {

using metalearn::FewShotRecipe;
using metalearn::StatisticsFrom;

namespace {

StatisticsFrom statistics_of(const std::string& name) {
  if (name == "batch") return StatisticsFrom::batch;
  return name == "support" ? StatisticsFrom::support : StatisticsFrom::running;
}

constexpr const char* adapts_names[] = {"all", "not-norm", "head"};

metalearn::Adapts adapts_of(const std::string& name) {
  return static_cast<metalearn::Adapts>(std::ranges::find(adapts_names, name) -
                                        std::begin(adapts_names));
}

// What stands in `given`, else `otherwise`, which is then noted as given.
template <class T, class U>
T settle(std::optional<T>& given, U otherwise) {
  if (!given) given = static_cast<T>(otherwise);
  return *given;
}

}  // namespace

const char* text(StatisticsFrom statistics) {
  switch (statistics) {
    case StatisticsFrom::batch:
      return "batch";
    case StatisticsFrom::support:
      return "support";
    case StatisticsFrom::running:
      break;
  }
  return "running";
}

void FewShotSettings::declare_episodes(Settings& s) {
  s.section("Episodes");
  s.add("way", way, "classes of an episode", {.least = 2, .most = 100000});
  s.add("shot", shot, "support images a class", {.least = 1, .most = 100000});
  s.add("query", query, "query images a class", {.least = 1, .most = 100000});
  s.add("within-alphabet", within_alphabet, "all classes of an episode from one alphabet");
}

void FewShotSettings::declare_splits(Settings& s) {
  s.section("Splits");
  s.add("test-alphabets", test_alphabets,
        "how many of the last alphabets test, or their names; 0: none",
        {.value_name = "N|NAME,...", .default_text = "the last 6 of Omniglot, else a fifth"});
  s.add("validation-alphabets", validation_alphabets, "the same for validation",
        {.value_name = "N|NAME,...", .default_text = "3 of Omniglot, else a tenth"});
  s.add("split-by", split_by, "character: Vinyals' split of the whole of Omniglot",
        {.choices = {"alphabet", "character"}});
}

void FewShotSettings::declare_training(Settings& s) {
  const std::string of_recipe = "the recipe's";
  s.section("Training");
  s.add("learner", learner, "who learns", {.choices = metalearn::learner_names()});
  s.add("recipe", recipe, "settings measured to be good, or those of the learner's paper",
        {.choices = metalearn::recipe_names()});
  s.add("episodes", duration.count, "how many",
        {.least = 1, .most = 1e12, .raisable = true, .default_text = "10 minutes of them"});
  s.add("minutes", duration.minutes,
        "how long: the number of episodes is planned from the time of the first",
        {.least = 0, .most = 1e6, .above_least = true, .raisable = true, .default_text = "10"});
  s.add("train-way", train_way, "classes of a training episode",
        {.least = 2, .most = 100000, .default_text = of_recipe});
  s.add("train-shot", train_shot, "its support images a class",
        {.least = 1, .most = 100000, .default_text = of_recipe});
  s.add("train-query", train_query, "its query images a class",
        {.least = 1, .most = 100000, .default_text = of_recipe});
  s.add("vary-shot", vary_shot, "1 to --train-shot support images, drawn anew for each episode",
        {.default_text = of_recipe});
  s.add("train-within", train_within, "share of training episodes from one alphabet",
        {.least = 0, .most = 1, .default_text = of_recipe});
  s.add("rotations", rotations, "training characters are turned by quarters",
        {.default_text = of_recipe});
  s.add("augment", augment, "small affine distortions of training images",
        {.default_text = of_recipe});
  s.add("centre", centre, "ink is moved to the middle, in training and afterwards",
        {.default_text = of_recipe});
  s.add("network", network, "of the encoder",
        {.choices = metalearn::network_names(), .default_text = of_recipe});
  s.add("filters", filters, "of each convolution",
        {.least = 1, .most = 4096, .default_text = of_recipe});
  s.add("scale", scale, "of squared distances (prototypical, finetune) or cosines (matching)",
        {.least = 0, .above_least = true, .default_text = of_recipe});
  s.add("pairing", pairing,
        "prototypical and matching learn from queries against the support set (episode), or from "
        "each drawing of a class as its one support (all)",
        {.choices = {"episode", "all"}, .default_text = of_recipe});
  s.add("fce", fce, "matching: full context embeddings, of conv4 and --pairing episode",
        {.default_text = of_recipe});
  s.add(
      "statistics", statistics,
      "batch normalisation of the queries by the batch's (transductive), the support's or running "
      "statistics",
      {.choices = {"batch", "support", "running"}, .default_text = of_recipe});
  s.add("order", order,
        "maml: exact differentiates through the steps on the support set, first does not (fomaml)",
        {.choices = {"first", "exact"}, .default_text = of_recipe});
  s.add("inner-steps", inner_steps, "steps on the support set in training",
        {.least = 0, .most = 100000, .default_text = of_recipe});
  s.add("test-steps", test_steps, "the same when a trained learner is used",
        {.least = 0, .most = 100000, .default_text = of_recipe});
  s.add("inner-rate", inner_rate, "learning rate of those steps; lstm: where its input gates begin",
        {.least = 0, .above_least = true, .default_text = of_recipe});
  s.add("inner-batch", inner_batch, "support images of such a step, reptile and lstm; 0: all",
        {.least = 0, .most = 1e6, .default_text = of_recipe});
  s.add("test-batch", test_batch, "the same when a trained learner is used",
        {.least = 0, .most = 1e6, .default_text = of_recipe});
  s.add("adapts", adapts,
        "weights that such steps move: all, all but batch normalisation's, the last layer's",
        {.choices = {"all", "not-norm", "head"}, .default_text = of_recipe});
  s.add("learned-rates", learned_rates, "maml: a learning rate a step and tensor, trained too",
        {.default_text = of_recipe});
  s.add("proximal", proximal,
        "maml: above 0 implicit MAML, adapted weights being held near the start so strongly",
        {.least = 0, .default_text = of_recipe});
  s.add("solver-steps", solver_steps, "of implicit MAML's conjugate gradients",
        {.least = 0, .most = 100000, .default_text = of_recipe});
  s.add("learning-rate", learning_rate, "of Adam; reptile: of plain steps, its epsilon",
        {.least = 0, .above_least = true, .default_text = of_recipe});
  s.add("schedule", schedule,
        "of the rate: cosine or linear over the run, halved every 2,000 steps, constant",
        {.choices = metalearn::schedule_names(), .default_text = of_recipe});
  s.add("decay-episodes", decay_episodes, "the span of the cosine",
        {.least = 1, .most = 1e12, .default_text = "the planned episodes"});
  s.add("meta-batch", meta_batch, "episodes a step",
        {.least = 1, .most = 4096, .default_text = of_recipe});
  s.add("clip", clip, "the gradient's norm is scaled down to this; 0: not",
        {.least = 0, .default_text = of_recipe});
}

FewShotRecipe FewShotSettings::fill() {
  FewShotRecipe r = metalearn::recipe(learner, recipe);
  if (train_shot) r.shot = *train_shot;  // queries may follow it
  metalearn::fit_use(r, way, shot);
  r.way = settle(train_way, r.way);
  r.shot = settle(train_shot, r.shot);
  r.query = settle(train_query, r.query);
  r.vary_shot = settle(vary_shot, r.vary_shot);
  r.within = settle(train_within, r.within);
  if (!settle(rotations, r.rotations != tasks::Rotations::none))
    r.rotations = tasks::Rotations::none;
  else if (r.rotations == tasks::Rotations::none)
    r.rotations = tasks::Rotations::classes;
  r.augment = settle(augment, r.augment);
  r.augment_classes = r.augment_classes && r.augment;
  r.centre = settle(centre, r.centre);
  r.network = settle(network, r.network);
  r.filters = settle(filters, r.filters);
  r.scale = settle(scale, r.scale);
  r.pairing = settle(pairing, r.pairing == metalearn::Pairing::all ? "all" : "episode") == "all"
                  ? metalearn::Pairing::all
                  : metalearn::Pairing::episode;
  r.fce = settle(fce, r.fce);
  r.statistics = statistics_of(settle(statistics, text(r.statistics)));
  r.order = settle(order, r.order == metalearn::Order::exact ? "exact" : "first") == "exact"
                ? metalearn::Order::exact
                : metalearn::Order::first;
  r.inner_steps = settle(inner_steps, r.inner_steps);
  r.test_steps = settle(test_steps, r.test_steps);
  r.inner_rate = settle(inner_rate, r.inner_rate);
  r.inner_batch = settle(inner_batch, r.inner_batch);
  r.test_batch = settle(test_batch, r.test_batch);
  r.adapts = adapts_of(settle(adapts, adapts_names[static_cast<std::size_t>(r.adapts)]));
  r.learned_rates = settle(learned_rates, r.learned_rates);
  r.proximal = settle(proximal, r.proximal);
  r.solver_steps = settle(solver_steps, r.solver_steps);
  r.learning_rate = settle(learning_rate, r.learning_rate);
  r.schedule = settle(schedule, r.schedule);
  r.meta_batch = settle(meta_batch, r.meta_batch);
  r.clip = settle(clip, r.clip);
  return r;
}

void FewShotSettings::refuse_unused(const Settings& settings) const {
  using Names = std::vector<std::string>;
  const Names steps{"maml", "fomaml", "reptile", "lstm"}, maml{"maml", "fomaml"};
  const std::pair<const char*, Names> users[] = {
      {"scale", {"prototypical", "matching", "finetune"}},
      {"pairing", {"prototypical", "matching"}},
      {"fce", {"matching"}},
      {"order", maml},
      {"inner-steps", steps},
      {"test-steps", {"maml", "fomaml", "reptile", "lstm", "finetune"}},
      {"inner-rate", {"maml", "fomaml", "reptile", "lstm", "finetune"}},
      {"inner-batch", {"reptile", "lstm"}},
      {"test-batch", {"reptile"}},
      {"adapts", {"maml", "fomaml", "finetune"}},
      {"learned-rates", maml},
      {"proximal", maml},
      {"solver-steps", maml},
  };
  for (const auto& [option, learners] : users)
    if (settings.origin(option) == Origin::command_line &&
        std::ranges::find(learners, learner) == learners.end())
      throw UsageError(fmt::format("--{}: {} has no use for it; it is for {}", option, learner,
                                   joined(learners, ", ")));
}

tasks::Splits read_splits(const FewShotSettings& settings, const std::string& spec,
                          Threads& threads, Console& console) {
  const tasks::DataSpec data = tasks::parse_data(spec);
  console.detail("reading " + data.text());
  return split_set(settings, data, tasks::read_data(data, {}, &threads));
}

tasks::Splits split_set(const FewShotSettings& settings, const tasks::DataSpec& data,
                        std::shared_ptr<const tasks::ImageSet> set) {
  try {
    return tasks::split(
        std::move(set),
        {.test = settings.test_alphabets,
         .validation = settings.validation_alphabets,
         .by = settings.split_by == "character" ? tasks::SplitBy::character : tasks::SplitBy::group,
         .omniglot = data.kind == "omniglot" && data.paths.size() == 1});
  } catch (const DataError& e) {
    throw UsageError(e.what());
  }
}

const tasks::Split& split_of(const tasks::Splits& splits, const std::string& name) {
  if (name == "train") return splits.train;
  if (name == "validation") return splits.validation;
  return name == "test" ? splits.test : splits.all;
}

std::shared_ptr<const tasks::EpisodeSampler> evaluation_episodes(const FewShotSettings& settings,
                                                                 const tasks::Split& split,
                                                                 bool centre, std::uint64_t seed,
                                                                 Console& console) {
  try {
    auto sampler = std::make_shared<const tasks::EpisodeSampler>(
        split,
        tasks::EpisodeOptions{.way = settings.way,
                              .shot = settings.shot,
                              .query = settings.query,
                              .within = settings.within_alphabet ? 1.0 : 0.0,
                              .centre = centre,
                              .size = image_size},
        Key(seed));
    for (const std::string& line : sampler->left_out()) console.detail("left out: " + line);
    return sampler;
  } catch (const DataError& e) {
    throw UsageError(e.what());
  }
}

LoadedRun load_run(const std::string& run, const std::optional<std::string>& statistics) {
  const std::filesystem::path folder = run, config = folder / "config.toml";
  if (const RunGroup group = find_runs(run); group.seeds)
    throw UsageError(fmt::format("{}: holds the runs of {} seeds; name one of them: {}", run,
                                 group.folders.size(), group.folders.front()));
  if (!std::filesystem::exists(config))
    throw DataError(fmt::format("{}: no config.toml: not the folder of a run", run));
  if (const std::string made = command_of(config); made != "fewshot train")
    throw UsageError(
        fmt::format("{}: made by `metatape {}`, a run of `metatape fewshot train` is needed", run,
                    made.empty() ? "?" : made));
  LoadedRun loaded{.folder = run, .data = Common{}.data};
  FewShotSettings& of_run = loaded.settings;
  Settings file_settings;
  of_run.declare_training(file_settings);
  of_run.declare_episodes(file_settings);
  of_run.declare_splits(file_settings);
  file_settings.add("data", loaded.data, "");
  file_settings.add("seed", loaded.seed, "");
  file_settings.read_config(config, true);
  if (statistics) of_run.statistics = statistics;
  loaded.recipe = of_run.fill();

  const std::string file = (folder / "checkpoint.safetensors").string();
  const nn::Checkpoint checkpoint = nn::load(file);
  loaded.trained = metalearn::trained(checkpoint, file);
  // Believed only as far as images and classes go: the network that is built for comparison is this
  // wide.
  metalearn::ImageKind images{.size = image_size};
  if (loaded.trained.phi.contains("classes.bias")) {
    const std::int64_t classes = loaded.trained.phi["classes.bias"].size();
    images.classes =
        static_cast<int>(loaded.recipe.rotations != tasks::Rotations::none ? classes / 4 : classes);
  }
  for (const ParamEntry& e : loaded.trained.phi.entries()) {
    if (!e.name.ends_with("block0.conv.weight")) continue;
    const Shape kernel = e.shape;
    if (kernel.rank() != 4 || (kernel[1] != 1 && kernel[1] != 3))
      throw DataError(fmt::format("{}: tensor 'phi.{}' is {}: images have 1 channel or 3", file,
                                  e.name, to_string(kernel)));
    loaded.channels = static_cast<int>(kernel[1]);
  }
  images.channels = loaded.channels;
  loaded.learner = metalearn::make_learner(loaded.recipe, images);
  nn::require_layout(*loaded.trained.phi.layout(), *loaded.learner.init(Key{}).layout(), file);
  if (const auto step = checkpoint.metadata.find("step"); step != checkpoint.metadata.end()) {
    if (step->second == "0")
      throw DataError(file + ": no step of its training is done yet; go on with it first");
    std::int64_t steps = 0;
    const std::string& text = step->second;
    std::from_chars(text.data(), text.data() + text.size(), steps);
    loaded.episodes = steps * loaded.recipe.meta_batch;
  }
  require_fit(loaded.learner, loaded.trained, loaded.channels, file);
  return loaded;
}

void take_open(Invocation& in, FewShotSettings& settings, const LoadedRun& run) {
  // What this command was asked for stands; what it left open is the run's. The seed is not: all
  // runs are judged on the same episodes.
  const std::vector<std::string> names = in.settings.names();
  const auto open = [&](const char* name) {
    return std::ranges::find(names, name) != names.end() && !in.settings.given(name);
  };
  const FewShotSettings& of_run = run.settings;
  if (open("way")) settings.way = of_run.way;
  if (open("shot")) settings.shot = of_run.shot;
  if (open("query")) settings.query = of_run.query;
  if (open("within-alphabet")) settings.within_alphabet = of_run.within_alphabet;
  if (open("data")) {
    in.common.data = run.data;
    if (open("test-alphabets")) settings.test_alphabets = of_run.test_alphabets;
    if (open("validation-alphabets")) settings.validation_alphabets = of_run.validation_alphabets;
    if (open("split-by")) settings.split_by = of_run.split_by;
  }
}

LoadedRun load_run(Invocation& in, FewShotSettings& settings, const std::string& run) {
  LoadedRun loaded = load_run(run, settings.statistics);
  take_open(in, settings, loaded);
  const std::vector<std::string> names = in.settings.names();
  if (std::ranges::find(names, "way") != names.end()) require_way(loaded.learner, settings.way);
  return loaded;
}

void require_fit(const metalearn::AnyLearner& learner, const metalearn::Trained& trained,
                 int channels, const std::string& file) {
  const int way = learner.fixed_way() > 0 ? learner.fixed_way() : 2;
  const Tensor images = Tensor::zeros({way, image_size, image_size, channels});
  std::vector<std::int32_t> labels(static_cast<std::size_t>(way));
  std::iota(labels.begin(), labels.end(), 0);
  try {
    Tape tape(Recording::off);
    (void)learner.adapt(tape, trained.phi, trained.carry, images, Indices(std::move(labels)),
                        way)(images);
  } catch (const Error& e) {
    throw DataError(fmt::format("{}: does not fit the model: {}", file, e.what()));
  }
}

std::string default_one_shot_task() {
  const char* data = std::getenv("METATAPE_DATA");
  return data ? (std::filesystem::path(data) / "omniglot" / "all_runs.zip").string() : "";
}

void require_way(const metalearn::AnyLearner& learner, int way) {
  if (const int fixed = learner.fixed_way(); fixed > 0 && fixed != way)
    throw UsageError(
        fmt::format("{}: its network has a head of {} classes and cannot be asked for {} ways",
                    learner.name(), fixed, way));
}

}  // namespace metatape::cli

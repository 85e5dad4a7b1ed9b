// show.cpp: `metatape fewshot show`: an episode as a picture, with a run's answers if one is given.
#include <fmt/format.h>

#include "../commands.hpp"
#include "../figure.hpp"
#include "../picture.hpp"
#include "embeddings.hpp"
#include "gates.hpp"
#include "judge.hpp"
#include "metatape/autodiff/tape.hpp"

namespace metatape::cli {

namespace {

tasks::Image drawn(const Tensor& images, std::int64_t i) {
  const std::int64_t size = images.shape()[1], channels = images.shape()[3];
  const auto n = static_cast<std::size_t>(size * size * channels);
  return shown(images.values<float>().subspan(static_cast<std::size_t>(i) * n, n),
               static_cast<int>(size), static_cast<int>(channels));
}

}  // namespace

int fewshot_show(Invocation& in) {
  FewShotSettings s;
  s.query = 5;  // a picture holds no more
  std::string run, split = "test";
  std::int64_t episode = 0;
  bool training = false;
  std::optional<std::string> plane;
  int gates = 0;
  in.settings.add("run", run, "whose answers to draw: green frames are right, red ones wrong",
                  {.value_name = "DIR"});
  in.settings.add("split", split, "whose classes",
                  {.choices = {"train", "validation", "test", "all"}});
  in.settings.add("episode", episode, "which one", {.least = 0, .most = 1e15});
  in.settings.add("as-trained", training,
                  "a training episode of the measured recipe (or the run's), distorted and turned");
  in.settings.add("embeddings", plane,
                  "with --run: its embeddings of the episode's or the split's images in a plane",
                  {.value_name = "WHOSE", .choices = {"episode", "split"}, .default_text = "none"});
  in.settings.add("gates", gates,
                  "with --run of an lstm: its gates by layer and step, over so many episodes",
                  {.least = 0, .most = 100000, .default_text = "none"});
  s.declare_episodes(in.settings);
  s.declare_splits(in.settings);
  in.take({.seed = true, .threads = true, .data = true, .out = true});
  in.parse();
  if (in.common.out.empty()) throw UsageError("show needs --out DIR for its picture");
  if (gates > 0 && run.empty()) throw UsageError("--gates: needs --run DIR, whose they are");
  if (plane && run.empty()) throw UsageError("--embeddings: needs --run DIR, whose they are");

  Threads threads(in.common.threads);
  std::optional<LoadedRun> loaded;
  metalearn::FewShotRecipe recipe;
  if (!run.empty()) {
    loaded = load_run(in, s, run);
    recipe = loaded->recipe;
    if (plane) require_embeddings(*loaded);
    if (gates > 0) require_gates(*loaded);
  }
  const tasks::Splits splits = read_splits(s, in.common.data, threads, in.console);
  tasks::Split from = split_of(splits, split);
  if (from.classes.empty())
    throw UsageError(fmt::format("the {} split of {} has no classes", split, from.set->name()));
  if (loaded) from.set = as_trained(*loaded, from.set, in.console);
  const auto sampler = [&] {
    if (!training)
      return evaluation_episodes(s, from, loaded && loaded->recipe.centre, in.common.seed,
                                 in.console);
    tasks::EpisodeOptions o = metalearn::training_episodes(recipe, image_size);
    o.way = s.way;
    o.shot = s.shot;
    o.query = s.query;
    return std::make_shared<const tasks::EpisodeSampler>(from, o, Key(in.common.seed), &threads);
  }();
  const tasks::Episode e = sampler->episode(static_cast<std::uint64_t>(episode));

  Tensor probabilities;
  if (loaded) {
    Tape tape(Recording::off, &threads);
    probabilities = loaded->learner.adapt(tape, loaded->trained.phi, loaded->trained.carry,
                                          e.support, e.support_labels, s.way)(e.query);
  }
  Sheet sheet{.title = fmt::format("episode {} of the {} split: {}-way {}-shot, support | queries",
                                   episode, split, s.way, s.shot)};
  int right = 0;
  for (int c = 0; c < s.way; ++c) {
    const auto at = static_cast<std::size_t>(c);
    const auto& classes = from.set->classes();
    TileRow row{.label = fmt::format("{} {}", c,
                                     classes[static_cast<std::size_t>(e.plan.classes[at])].name)};
    for (int k = 0; k < s.shot; ++k)
      row.tiles.push_back(
          {.image = drawn(e.support, std::int64_t{c} * s.shot + k), .label = "support"});
    for (int k = 0; k < s.query; ++k) {
      const std::int64_t q = std::int64_t{c} * s.query + k;
      Tile tile{.image = drawn(e.query, q)};
      if (loaded) {
        int best = 0;
        for (int j = 1; j < s.way; ++j)
          if (probabilities.at(q * s.way + j) > probabilities.at(q * s.way + best)) best = j;
        tile.label = fmt::format("{}: {:.0f} %", best, 100 * probabilities.at(q * s.way + best));
        tile.frame = best == c ? Frame::right : Frame::wrong;
        right += best == c;
      }
      row.tiles.push_back(std::move(tile));
    }
    sheet.rows.push_back(std::move(row));
  }
  const RunFolder* folder = in.open_out();
  const std::filesystem::path path = folder->path() / "episode.png";
  write_picture(sheet, path);

  std::vector<std::string> names;
  for (const int c : e.plan.classes)
    names.push_back(from.set->classes()[static_cast<std::size_t>(c)].name);
  Json result{{"picture", path.string()}, {"episode", episode}, {"split", split},  {"way", s.way},
              {"shot", s.shot},           {"query", s.query},   {"classes", names}};
  std::string words = fmt::format("drawn: {}\n", path.string());
  if (loaded) {
    const double accuracy = static_cast<double>(right) / (s.way * s.query);
    result["accuracy"] = accuracy;
    words +=
        fmt::format("{} of {} queries right ({})\n", right, s.way * s.query, percent(accuracy, 1));
  }
  if (plane) {
    const PlaneOf of = *plane == "episode" ? plane_of_episode(*loaded, *from.set, e, threads)
                                           : plane_of_split(*loaded, *sampler, threads);
    write_figure(of.figure, folder->figures(), "embeddings", in.console);
    result["embeddings"] = {{"of", *plane}, {"images", of.images}, {"shares", of.shares}};
    words += fmt::format("embeddings of {} images: a plane with {} and {} of their variance\n",
                         of.images, percent(of.shares[0], 1), percent(of.shares[1], 1));
  }
  if (gates > 0) {
    const GateFigures of = gates_over(*loaded, *sampler, gates, threads);
    write_figure(of.forget, folder->figures(), "forget-gates", in.console);
    write_figure(of.input, folder->figures(), "input-gates", in.console);
    Json layers = Json::array();
    for (std::size_t l = 0; l < of.forget.series.size(); ++l)
      layers.push_back({{"layer", of.forget.series[l].name},
                        {"forget", of.forget.series[l].y},
                        {"input", of.input.series[l].y}});
    result["gates"] = {{"episodes", gates}, {"layers", layers}};
    words += fmt::format("gates over {} episodes: figures/forget-gates and input-gates\n", gates);
  }
  in.console.print(words);
  in.finish(std::move(result));
  return exit_done;
}

}  // namespace metatape::cli

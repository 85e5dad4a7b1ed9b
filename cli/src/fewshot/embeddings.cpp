#include "embeddings.hpp"

#include <fmt/format.h>

#include "metatape/autodiff/tape.hpp"
#include "metatape/metalearn/fewshot/principal_components.hpp"

namespace metatape::cli {

namespace {

constexpr std::size_t most_classes = 20;  // that colours and marks still tell apart

PlaneOf plane_of(const Tensor& embedded, const std::vector<std::size_t>& series_of,
                 std::vector<Series> series, const std::string& title) {
  const auto found = metalearn::principal_components(embedded, 2);
  for (std::size_t i = 0; i < series_of.size(); ++i) {
    const auto row = 2 * static_cast<std::int64_t>(i);
    Series& to = series[series_of[i]];
    to.points = true;
    to.x.push_back(found.points.at(row));
    to.y.push_back(found.points.at(row + 1));
  }
  const auto label = [&](int axis) {
    return fmt::format("principal component {} ({} of the variance)", axis + 1,
                       percent(found.shares[static_cast<std::size_t>(axis)], 1));
  };
  return {.figure = {.title = title,
                     .x_label = label(0),
                     .y_label = label(1),
                     .series = std::move(series)},
          .images = embedded.shape()[0],
          .shares = found.shares};
}

const tasks::ImageSet::Class& class_at(const tasks::ImageSet& set, int c) {
  return set.classes()[static_cast<std::size_t>(c)];
}

}  // namespace

void require_embeddings(const LoadedRun& run) {
  if (!run.learner.embeds_alone())
    throw UsageError(
        fmt::format("--embeddings: {} ({}) has no embedding of single images: that is for learners "
                    "that compare embeddings, with running statistics",
                    run.folder, run.learner.name()));
}

PlaneOf plane_of_episode(const LoadedRun& run, const tasks::ImageSet& set, const tasks::Episode& e,
                         Threads& threads) {
  Tape tape(Recording::off, &threads);
  const Tensor embedded = run.learner.embed(tape, run.trained.phi, run.trained.carry, e.images);
  const std::size_t way = e.plan.classes.size();
  const std::size_t shot = e.plan.support.size() / way, query = e.plan.query.size() / way;
  std::vector<Series> series(2 * way);
  for (std::size_t k = 0; k < way; ++k) {
    series[k].name = class_at(set, e.plan.classes[k]).name;
    series[way + k] = {
        .name = series[k].name + ", support", .colour = static_cast<int>(k), .large = true};
  }
  std::vector<std::size_t> series_of;
  for (std::size_t i = 0; i < way * shot; ++i) series_of.push_back(way + i / shot);
  for (std::size_t i = 0; i < way * query; ++i) series_of.push_back(i / query);
  return plane_of(embedded, series_of, std::move(series),
                  fmt::format("Embeddings of episode {}", e.plan.index));
}

PlaneOf plane_of_split(const LoadedRun& run, const tasks::EpisodeSampler& sampler,
                       Threads& threads) {
  const tasks::Split& split = sampler.split();
  const tasks::ImageSet& set = *split.set;
  const bool by_class = split.classes.size() <= most_classes || set.groups().empty();
  const metalearn::EmbeddedSplit embedded =
      metalearn::embed_split(run.learner, run.trained, sampler, &threads);
  std::vector<Series> series;
  std::vector<std::size_t> series_of;
  int last = -1;
  for (const int c : split.classes) {
    const tasks::ImageSet::Class& one = class_at(set, c);
    if (const int key = by_class ? c : one.group; series.empty() || key != last) {
      series.push_back(
          {.name = by_class ? one.name : set.groups()[static_cast<std::size_t>(one.group)]});
      last = key;
    }
    // Rows of the embeddings are in the order of the split's images, class by class.
    series_of.insert(series_of.end(), static_cast<std::size_t>(one.count), series.size() - 1);
  }
  return plane_of(embedded.rows, series_of, std::move(series),
                  fmt::format("Embeddings of the {} split, coloured by {}", split.name,
                              by_class ? "class" : "alphabet"));
}

}  // namespace metatape::cli

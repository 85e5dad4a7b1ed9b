// sampler.cpp: drawing and rendering episodes.
#include "metatape/tasks/episodes/sampler.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "metatape/autodiff/error.hpp"

namespace metatape::tasks {
namespace {

std::size_t at(std::int64_t value) { return static_cast<std::size_t>(value); }

void check(const EpisodeOptions& o) {
  const auto at_least = [](const char* what, int value, int least) {
    if (value < least)
      throw DataError(fmt::format("episodes: {} {}; at least {} expected", what, value, least));
  };
  at_least("way", o.way, 2);
  at_least("shot", o.shot, 1);
  at_least("query", o.query, 1);
  if (!(o.within >= 0 && o.within <= 1))
    throw DataError(fmt::format("episodes: within {}; 0 to 1 expected", o.within));
}

}  // namespace

EpisodeSampler::EpisodeSampler(Split split, const EpisodeOptions& options, Key key,
                               Threads* threads)
    : split_(std::move(split)), options_(options), key_(key.split("episodes").split(split_.name)) {
  check(options);
  const ImageSet& set = *split_.set;
  const std::int64_t needed = std::int64_t{options.shot} + options.query;
  const int copies = options.rotations == Rotations::classes ? 4 : 1;
  std::size_t small_classes = 0, small_groups = 0, largest = 0;
  for (const int c : split_.classes) {
    const ImageSet::Class& one = set.classes()[at(c)];
    if (one.count < needed) {
      left_out_.push_back(fmt::format("{}: {} images, {} needed", one.name, one.count, needed));
      ++small_classes;
      continue;
    }
    classes_.push_back(c);
    if (one.group < 0) continue;
    if (groups_.empty() || groups_.back().group != one.group) groups_.push_back({one.group, {}});
    groups_.back().classes.push_back(c);
  }
  const auto of =
      fmt::format("{} classes of the {} split{}", classes_.size(), split_.name,
                  small_classes == 0 ? ""
                                     : fmt::format(" ({} left out: fewer than {} + {} images)",
                                                   small_classes, options.shot, options.query));
  if (options.within < 1 && std::int64_t{options.way} > copies * std::ssize(classes_))
    throw DataError(fmt::format("episodes: {}-way asked of {}", options.way, of));
  if (options.within > 0) {
    if (set.groups().empty())
      throw DataError("episodes: within one alphabet, but " + set.name() + " has no alphabets");
    std::erase_if(groups_, [&](const Group& g) {
      largest = std::max(largest, g.classes.size());
      if (copies * std::ssize(g.classes) >= options.way) return false;
      left_out_.push_back(fmt::format("{}: {} classes, {} needed", set.groups()[at(g.group)],
                                      g.classes.size(), options.way));
      return ++small_groups > 0;
    });
    if (groups_.empty())
      throw DataError(
          fmt::format("episodes: {}-way within one alphabet: the largest of {} in the "
                      "{} split has {} classes",
                      options.way, small_groups, split_.name, largest));
  }
  renderer_ = std::make_unique<Renderer>(
      split_.set, RenderOptions{.size = options.size, .centre = options.centre});
  if (options.augment || options.augment_classes) renderer_->prepare(split_.images(), threads);
}

EpisodePlan EpisodeSampler::plan(std::uint64_t e) const {
  const EpisodeOptions& o = options_;
  EpisodePlan plan;
  plan.index = e;
  Random random(key(e).split("classes"));
  const std::vector<int>* from = &classes_;
  if (o.within > 0 && random.uniform() < o.within) {
    const Group& group = groups_[at(random.below(std::ssize(groups_)))];
    from = &group.classes;
    plan.group = group.group;
  }
  const bool within = plan.group >= 0;
  const std::int64_t copies = o.rotations == Rotations::classes ? 4 : 1;
  const auto all_turned = static_cast<int>(random.below(4));
  for (const std::int64_t drawn : random.choose(copies * std::ssize(*from), o.way)) {
    plan.classes.push_back((*from)[at(drawn / copies)]);
    const auto own = static_cast<int>(random.below(4));
    switch (o.rotations) {
      case Rotations::none:
        plan.turns.push_back(0);
        break;
      case Rotations::drawn:
        plan.turns.push_back(within ? all_turned : own);
        break;
      case Rotations::episode:
        plan.turns.push_back(all_turned);
        break;
      case Rotations::classes:
        plan.turns.push_back(static_cast<int>(drawn % 4));
        break;
    }
  }
  Random drawings(key(e).split("images"));
  for (const int c : plan.classes) {
    const ImageSet::Class& members = split_.set->classes()[at(c)];
    const std::vector<std::int64_t> chosen =
        drawings.choose(members.count, std::int64_t{o.shot} + o.query);
    for (std::size_t i = 0; i < chosen.size(); ++i)
      (i < at(o.shot) ? plan.support : plan.query)
          .push_back(members.first + static_cast<int>(chosen[i]));
  }
  return plan;
}

void EpisodeSampler::render(const EpisodePlan& plan, std::span<float> out) const {
  const EpisodeOptions& o = options_;
  const bool within = plan.group >= 0;
  const std::size_t n = renderer_->floats();
  std::vector<Affine> maps(at(o.way));
  if (o.augment_classes) {
    Random random(key(plan.index).split("class maps"));
    for (std::size_t i = 0; i < maps.size(); ++i)
      maps[i] = within && i > 0 ? maps[0] : random_affine(random, o.augmentation);
  }
  Random random(key(plan.index).split("image maps"));
  const auto draw = [&](const std::vector<int>& images, int each, std::size_t first) {
    for (std::size_t i = 0; i < images.size(); ++i) {
      const std::size_t label = i / at(each);
      const std::span<float> pixels = out.subspan((first + i) * n, n);
      if (o.augment) {
        const Affine own = random_affine(random, o.augmentation);
        renderer_->warped(images[i], plan.turns[label],
                          o.augment_classes ? compose(own, maps[label]) : own, pixels);
      } else if (o.augment_classes) {
        renderer_->warped(images[i], plan.turns[label], maps[label], pixels);
      } else {
        renderer_->plain(images[i], plan.turns[label], pixels);
      }
    }
  };
  draw(plan.support, o.shot, 0);
  draw(plan.query, o.query, plan.support.size());
}

Episode EpisodeSampler::episode(std::uint64_t e) const {
  Episode episode{plan(e), {}, {}, {}, labels(options_.shot), labels(options_.query)};
  const std::int64_t supports = std::ssize(episode.plan.support);
  const std::int64_t all = supports + std::ssize(episode.plan.query);
  episode.images =
      Tensor::uninitialised({all, options_.size, options_.size, split_.set->channels()});
  render(episode.plan, episode.images.mutable_values<float>());
  episode.support = episode.images.rows(0, supports);
  episode.query = episode.images.rows(supports, all);
  return episode;
}

Indices EpisodeSampler::labels(int each) const {
  std::vector<std::int32_t> labels;
  labels.reserve(at(options_.way) * at(each));
  for (int i = 0; i < options_.way; ++i)
    labels.insert(labels.end(), at(each), static_cast<std::int32_t>(i));
  return Indices(std::move(labels));
}

}  // namespace metatape::tasks

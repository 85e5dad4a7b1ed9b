#include "metatape/metalearn/fewshot/confusions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "metatape/autodiff/error.hpp"

namespace metatape::metalearn {

namespace {

double share(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole)
                   : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

Confusions::Confusions(std::shared_ptr<const tasks::ImageSet> set) : set_(std::move(set)) {}

int Confusions::group(int of_class) const {
  return set_->classes().at(static_cast<std::size_t>(of_class)).group;
}

void Confusions::add(const tasks::EpisodePlan& plan, const std::vector<int>& labels) {
  const std::size_t way = plan.classes.size();
  if (way < 2 || labels.empty() || labels.size() % way != 0)
    throw DataError(
        fmt::format("confusions: {} answers of an episode of {} classes", labels.size(), way));
  const std::size_t each = labels.size() / way;
  const auto chances = static_cast<std::int64_t>(each);
  for (std::size_t k = 0; k < way; ++k) {
    const int own = plan.classes[k], own_group = group(own);
    std::int64_t kin = 0;  // other classes of the same alphabet
    for (std::size_t j = 0; j < way; ++j) {
      if (j == k) continue;
      const int other = plan.classes[j];
      kin += group(other) == own_group ? 1 : 0;
      groups_[{own_group, group(other)}].chances += chances;
      classes_[std::minmax(own, other)].chances += chances;
    }
    Asked& asked = asked_[own_group];
    for (std::size_t i = k * each; i < (k + 1) * each; ++i) {
      const auto answer = static_cast<std::size_t>(labels[i]);
      ++asked.queries;
      if (answer == k) {
        ++asked.right;
        continue;
      }
      const int other = plan.classes.at(answer);
      ++wrong_;
      same_ += group(other) == own_group ? 1 : 0;
      same_by_chance_ += static_cast<double>(kin) / static_cast<double>(way - 1);
      ++groups_[{own_group, group(other)}].wrong;
      ++classes_[std::minmax(own, other)].wrong;
    }
  }
  queries_ += static_cast<std::int64_t>(labels.size());
}

std::vector<int> Confusions::groups() const {
  std::vector<int> found;
  for (const auto& [g, asked] : asked_)
    if (g >= 0) found.push_back(g);
  return found;
}

double Confusions::same_group() const { return share(same_, wrong_); }

double Confusions::same_group_by_chance() const {
  return wrong_ > 0 ? same_by_chance_ / static_cast<double>(wrong_)
                    : std::numeric_limits<double>::quiet_NaN();
}

double Confusions::rate(int asked, int answered) const {
  const auto found = groups_.find({asked, answered});
  return found == groups_.end() ? std::numeric_limits<double>::quiet_NaN()
                                : share(found->second.wrong, found->second.chances);
}

double Confusions::accuracy(int of_group) const {
  const auto found = asked_.find(of_group);
  return found == asked_.end() ? std::numeric_limits<double>::quiet_NaN()
                               : share(found->second.right, found->second.queries);
}

std::vector<Confusions::Pair> Confusions::worst_pairs(std::size_t most) const {
  std::vector<Pair> pairs;
  for (const auto& [classes, count] : classes_)
    if (count.wrong > 0)
      pairs.push_back({classes.first, classes.second, count.wrong, count.chances});
  std::ranges::sort(pairs, {},
                    [](const Pair& p) { return std::tuple(-p.wrong, p.chances, p.a, p.b); });
  pairs.resize(std::min(most, pairs.size()));
  return pairs;
}

}  // namespace metatape::metalearn

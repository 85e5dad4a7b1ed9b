#include "metatape/tasks/spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "metatape/tasks/nearest_name.hpp"

namespace metatape::tasks {

namespace {

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

std::size_t place_of(std::string_view kind, std::string_view spec,
                     const std::vector<std::string>& all) {
  const std::string_view name = spec.substr(0, spec.find(':'));
  const auto at = std::ranges::find(all, name);
  if (at == all.end())
    throw SpecError(fmt::format("unknown {} '{}'{} (one of {})", kind, name,
                                did_you_mean(name, all), listed(all)));
  return static_cast<std::size_t>(at - all.begin());
}

SpecValues::SpecValues(std::string kind, const SpecInfo& info, std::string_view spec)
    : kind_(std::move(kind)), info_(info) {
  std::vector<std::string> names;
  for (const SpecInfo::Key& key : info.keys) {
    names.push_back(key.name);
    values_.push_back(key.standard);
  }
  given_.resize(names.size());
  for (std::size_t from = info.name.size() + 1; from <= spec.size();) {
    const std::size_t to = std::min(spec.find(',', from), spec.size());
    const std::string item(spec.substr(from, to - from));
    from = to + 1;
    const std::size_t equals = std::min(item.find('='), item.size());
    const std::string key = item.substr(0, equals);
    const auto at = std::ranges::find(names, key);
    if (at == names.end())
      refuse(fmt::format("unknown key '{}'{} ({})", key, did_you_mean(key, names),
                         names.empty() ? "it has no keys" : "keys: " + listed(names)));
    const auto i = static_cast<std::size_t>(at - names.begin());
    if (given_[i]) refuse(fmt::format("{} is given twice", key));
    if (equals + 1 >= item.size())
      refuse(fmt::format("{} has no value ({})", key, info.keys[i].what));
    given_[i] = true;
    values_[i] = item.substr(equals + 1);
  }
}

const std::string& SpecValues::text(std::string_view key) const { return values_[place(key)]; }
bool SpecValues::given(std::string_view key) const { return given_[place(key)]; }

int SpecValues::whole(std::string_view key, int low, int high) const {
  return whole(key, text(key), low, high);
}

int SpecValues::whole(std::string_view key, const std::string& part, int low, int high) const {
  int result = 0;
  const auto [end, why] = std::from_chars(part.data(), part.data() + part.size(), result);
  if (why != std::errc() || end != part.data() + part.size() || result < low || result > high)
    refuse(key, part, fmt::format("a whole number from {} to {}", low, high));
  return result;
}

double SpecValues::number(std::string_view key, double low, double high) const {
  const std::string& value = text(key);
  double result = 0;
  const auto [end, why] = std::from_chars(value.data(), value.data() + value.size(), result);
  if (why != std::errc() || end != value.data() + value.size() ||
      !(result >= low && result <= high))
    refuse(key, value, fmt::format("a number from {} to {}", low, high));
  return result;
}

std::size_t SpecValues::chosen(std::string_view key, const std::vector<std::string>& names) const {
  std::string list;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (text(key) == names[i]) return i;
    list += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + names[i];
  }
  refuse(key, text(key), list);
}

void SpecValues::refuse(std::string_view key, std::string_view value,
                        std::string_view expected) const {
  refuse(fmt::format("{}={}: {} expected", key, value, expected));
}

void SpecValues::refuse(std::string_view why) const {
  throw SpecError(fmt::format("{} {}: {}", kind_, info_.name, why));
}

std::size_t SpecValues::place(std::string_view key) const {
  const auto at = std::ranges::find(info_.keys, key, &SpecInfo::Key::name);
  return static_cast<std::size_t>(at - info_.keys.begin());
}

}  // namespace metatape::tasks

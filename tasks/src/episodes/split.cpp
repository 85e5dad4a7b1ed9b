// split.cpp: splits by group, and Vinyals' by character.
#include "metatape/tasks/episodes/split.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "metatape/autodiff/error.hpp"
#include "metatape/tasks/nearest_name.hpp"

namespace metatape::tasks {
namespace {

enum class Side { train, validation, test };

// Vinyals et al. (2016), as Snell's files give it. Gurmukhi is cut: characters 42 to 45 test.
const std::vector<std::string> vinyals_test = {
    "Kannada",  "Keble",     "Malayalam",
    "Manipuri", "Mongolian", "Old_Church_Slavonic_(Cyrillic)",
    "Oriya",    "Sylheti",   "Syriac_(Serto)",
    "Tengwar",  "Tibetan",   "ULOG"};
const std::vector<std::string> vinyals_validation = {"Armenian", "Bengali", "Early_Aramaic",
                                                     "Hebrew", "Mkhedruli_(Georgian)"};

bool among(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<Side> by_character(const ImageSet& set, const SplitOptions& options) {
  if (!options.test.empty() || !options.validation.empty())
    throw DataError(
        "split by character: Vinyals' lists are fixed; test and validation alphabets cannot be "
        "chosen");
  for (const auto* names : {&vinyals_test, &vinyals_validation})
    for (const std::string& name : *names)
      if (!among(set.groups(), name))
        throw DataError(fmt::format(
            "split by character: Vinyals' split is of the whole of Omniglot; {} lacks {} "
            "(--data omniglot:images_background.zip,images_evaluation.zip)",
            set.name(), name));
  std::vector<Side> sides;
  for (const ImageSet::Class& c : set.classes()) {
    const std::string& group = set.groups()[static_cast<std::size_t>(c.group)];
    const bool cut =
        group == "Gurmukhi" && c.name >= "Gurmukhi/character42" && c.name <= "Gurmukhi/character45";
    sides.push_back(among(vinyals_test, group) || cut  ? Side::test
                    : among(vinyals_validation, group) ? Side::validation
                                                       : Side::train);
  }
  return sides;
}

std::optional<std::size_t> as_count(const std::string& text) {
  if (text.empty() || text.size() > 6 || text.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return std::stoul(text);
}

std::vector<std::string> listed(const std::string& text) {
  std::vector<std::string> names;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t to = std::min(text.find(',', from), text.size());
    if (to > from) names.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  return names;
}

/// The units of the split (groups or classes) and the side of each.
class Assignment {
 public:
  Assignment(std::vector<std::string> names, const char* noun)
      : names_(std::move(names)), noun_(noun), sides_(names_.size()) {}

  void name(const std::string& text, Side side) {
    for (const std::string& name : listed(text)) {
      const auto found = std::find(names_.begin(), names_.end(), name);
      if (found == names_.end())
        throw DataError(fmt::format("split: no {} '{}' in this set{}", noun_, name,
                                    did_you_mean(name, names_)));
      std::optional<Side>& seat = sides_[static_cast<std::size_t>(found - names_.begin())];
      if (seat && *seat != side)
        throw DataError(fmt::format("split: {} '{}' cannot both test and validate", noun_, name));
      seat = side;
    }
  }

  void count(std::size_t n, Side side) {
    const std::size_t asked = n;
    for (std::size_t i = sides_.size(); i-- > 0 && n > 0;)
      if (!sides_[i]) {
        sides_[i] = side;
        --n;
      }
    if (n > 0)
      throw DataError(fmt::format("split: {} {} {}s asked, {} are there", asked,
                                  side == Side::test ? "test" : "validation", noun_, asked - n));
  }

  [[nodiscard]] Side side(std::size_t unit) const { return sides_[unit].value_or(Side::train); }

 private:
  std::vector<std::string> names_;
  const char* noun_;
  std::vector<std::optional<Side>> sides_;
};

std::vector<Side> by_group(const ImageSet& set, const SplitOptions& options) {
  const bool grouped = set.groups().size() > 1;
  std::vector<std::string> names = set.groups();
  if (!grouped) {
    names.clear();
    for (const ImageSet::Class& c : set.classes()) names.push_back(c.name);
  }
  const std::size_t n = names.size();
  std::size_t test = n < 2 ? 0 : std::max<std::size_t>(1, n / 5);
  std::size_t validation = n < 3 ? 0 : std::max<std::size_t>(1, n / 10);
  if (options.omniglot && grouped && n > 9) {
    test = 6;
    validation = 3;
  }
  Assignment units(std::move(names), set.groups().empty() || !grouped ? "class" : "alphabet");
  const std::optional<std::size_t> tests = as_count(options.test);
  const std::optional<std::size_t> validations = as_count(options.validation);
  if (!tests) units.name(options.test, Side::test);
  if (!validations) units.name(options.validation, Side::validation);
  if (tests || options.test.empty()) units.count(tests.value_or(test), Side::test);
  if (validations || options.validation.empty())
    units.count(validations.value_or(validation), Side::validation);
  std::vector<Side> sides;
  for (std::size_t c = 0; c < set.classes().size(); ++c)
    sides.push_back(units.side(grouped ? static_cast<std::size_t>(set.classes()[c].group) : c));
  return sides;
}

}  // namespace

std::vector<std::string> Split::groups() const {
  std::vector<std::string> names;
  int last = -1;
  for (const int c : classes)
    if (const int g = set->classes()[static_cast<std::size_t>(c)].group; g != last) {
      names.push_back(set->groups()[static_cast<std::size_t>(g)]);
      last = g;
    }
  return names;
}

std::vector<int> Split::images() const {
  std::vector<int> ids;
  for (const int c : classes) {
    const ImageSet::Class& members = set->classes()[static_cast<std::size_t>(c)];
    for (int i = 0; i < members.count; ++i) ids.push_back(members.first + i);
  }
  return ids;
}

Splits split(std::shared_ptr<const ImageSet> set, const SplitOptions& options) {
  const std::vector<Side> sides =
      options.by == SplitBy::character ? by_character(*set, options) : by_group(*set, options);
  Splits out{{"train", set, {}}, {"validation", set, {}}, {"test", set, {}}, {"all", set, {}}};
  for (std::size_t c = 0; c < sides.size(); ++c) {
    Split& side = sides[c] == Side::train  ? out.train
                  : sides[c] == Side::test ? out.test
                                           : out.validation;
    side.classes.push_back(static_cast<int>(c));
    out.all.classes.push_back(static_cast<int>(c));
  }
  return out;
}

}  // namespace metatape::tasks

// one_shot.cpp: reading all_runs.zip.
// In the set each run is a group; training drawings are the classes "training/classYY", test
// drawings the classes "test/itemXX", of one image each.
#include "metatape/tasks/images/one_shot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "metatape/autodiff/error.hpp"
#include "store.hpp"

namespace metatape::tasks {
namespace {

using Labels = std::map<std::string, std::vector<std::pair<std::string, std::string>>>;

std::string tail(const std::string& name, std::size_t n) {
  const std::vector<std::string> parts = components(name);
  std::string out;
  for (std::size_t i = parts.size() < n ? 0 : parts.size() - n; i < parts.size(); ++i)
    out += (out.empty() ? "" : "/") + parts[i];
  return out;
}

/// Lines "runNN/test/itemXX.png runNN/training/classYY.png".
std::vector<std::pair<std::string, std::string>> read_labels(Store& store, std::size_t member) {
  const std::vector<std::uint8_t> bytes = store.read(member);
  std::istringstream lines(std::string(bytes.begin(), bytes.end()));
  std::vector<std::pair<std::string, std::string>> pairs;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string item, answer, more;
    if (!(words >> item)) continue;
    if (!(words >> answer) || words >> more)
      throw DataError(fmt::format("{}: line {}: two file names expected", store.full_name(member),
                                  pairs.size() + 1));
    pairs.emplace_back(tail(item, 3), tail(answer, 3));
  }
  return pairs;
}

}  // namespace

double OneShotTask::error_percent(std::size_t run, const std::vector<int>& given) const {
  const std::vector<int>& right = runs.at(run).answers;
  if (given.size() != right.size())
    throw DataError(
        fmt::format("one-shot task: {} answers given, {} expected", given.size(), right.size()));
  int wrong = 0;
  for (std::size_t i = 0; i < right.size(); ++i) wrong += given[i] != right[i];
  return 100.0 * wrong / static_cast<double>(right.size());
}

OneShotTask read_one_shot_task(const std::filesystem::path& path) {
  const std::unique_ptr<Store> store = Store::open(path);
  ImageSetBuilder builder;
  Labels labels;
  for (std::size_t i = 0; i < store->names().size(); ++i) {
    const std::string& name = store->names()[i];
    const std::vector<std::string> parts = components(name);
    const std::size_t n = parts.size();
    if (n >= 2 && parts[n - 1] == "class_labels.txt") {
      labels[parts[n - 2]] = read_labels(*store, i);
    } else if (n >= 3 && ends_with(name, ".png") &&
               (parts[n - 2] == "training" || parts[n - 2] == "test")) {
      const Image image = decode_png(store->read(i), store->full_name(i));
      builder.add(parts[n - 3], parts[n - 2] + "/" + parts[n - 1], "", image);
    }
  }
  if (labels.empty() || builder.images() == 0)
    throw DataError(store->root() +
                    ": no runs in it: runNN/training/*.png, runNN/test/*.png and "
                    "runNN/class_labels.txt expected");
  OneShotTask task;
  task.set = builder.finish(store->root(), Ink::dark);
  std::map<std::string, int> training, test;  // "run01/training/class01.png" to place in its run
  for (const std::string& run : task.set->groups()) task.runs.push_back({run, {}, {}, {}});
  for (const ImageSet::Class& c : task.set->classes()) {
    OneShotRun& run = task.runs[static_cast<std::size_t>(c.group)];
    const bool trains = components(c.name)[1] == "training";
    std::vector<int>& side = trains ? run.training : run.test;
    (trains ? training : test)[c.name] = static_cast<int>(side.size());
    side.push_back(c.first);
  }
  for (OneShotRun& run : task.runs) {
    const auto known = labels.find(run.name);
    if (known == labels.end())
      throw DataError(fmt::format("{}: {} has no class_labels.txt", store->root(), run.name));
    run.answers.assign(run.test.size(), -1);
    for (const auto& [item, answer] : known->second) {
      const auto i = test.find(item), a = training.find(answer);
      if (i == test.end() || a == training.end() || item.rfind(run.name + "/", 0) != 0 ||
          answer.rfind(run.name + "/", 0) != 0)
        throw DataError(fmt::format("{}: {}/class_labels.txt names {}, which is not there",
                                    store->root(), run.name, i == test.end() ? item : answer));
      run.answers[static_cast<std::size_t>(i->second)] = a->second;
    }
    if (std::find(run.answers.begin(), run.answers.end(), -1) != run.answers.end() ||
        run.test.empty())
      throw DataError(fmt::format("{}: {} has test images that class_labels.txt does not name",
                                  store->root(), run.name));
  }
  return task;
}

}  // namespace metatape::tasks

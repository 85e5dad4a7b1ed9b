// classify.cpp: `metatape fewshot classify`: a user's own images, a label and a probability each.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "../commands.hpp"
#include "judge.hpp"
#include "metatape/autodiff/tape.hpp"
#include "metatape/tasks/images/drawing.hpp"
#include "metatape/tasks/images/render.hpp"

namespace metatape::cli {

namespace {

namespace fs = std::filesystem;

std::string ending_of(const fs::path& file) {
  std::string ending = file.extension().string();
  std::ranges::transform(ending, ending.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return ending;
}

// What is in a folder, names in byte order; hidden ones left out.
struct Listing {
  std::vector<fs::path> folders, pictures, others;
};

// DataError names a folder that cannot be read.
Listing list(const fs::path& folder) {
  Listing found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.starts_with(".") || name == "__MACOSX") continue;
    (it->is_directory()                ? found.folders
     : ending_of(it->path()) == ".png" ? found.pictures
                                       : found.others)
        .push_back(it->path());
  }
  if (error) throw DataError(fmt::format("{}: {}", folder.string(), error.message()));
  for (auto* paths : {&found.folders, &found.pictures, &found.others}) std::ranges::sort(*paths);
  return found;
}

// ": no PNG files, but 2 .jpg": what is wrong with a folder without pictures.
std::string no_pictures(const fs::path& folder, const Listing& in_it) {
  std::map<std::string, int> endings;
  for (const fs::path& other : in_it.others) ++endings[ending_of(other)];
  std::string text = folder.string() + ": no PNG files", but = ", but ";
  for (const auto& [ending, count] : endings) {
    text += fmt::format("{}{} {}", but, count, ending.empty() ? "without an ending" : ending);
    but = ", ";
  }
  if (in_it.others.empty() && !in_it.folders.empty())
    text += fmt::format(", but {} folders", in_it.folders.size());
  return text;
}

}  // namespace

int fewshot_classify(Invocation& in) {
  FewShotSettings s;
  std::string run, support, query;
  std::optional<int> shot;
  std::optional<std::string> ink;
  bool fit = false;
  in.settings.add("run", run, "a run of `fewshot train`", {.value_name = "DIR", .required = true});
  in.settings.add("support", support, "a folder with a folder of PNG files a class",
                  {.value_name = "DIR", .required = true});
  in.settings.add("query", query, "a folder of PNG files to be classified",
                  {.value_name = "DIR", .required = true});
  in.settings.add("shot", shot, "the first so many images of each class",
                  {.least = 1, .most = 100000, .default_text = "all"});
  in.settings.add("ink", ink, "what was drawn with, where it cannot be found from the borders",
                  {.choices = {"dark", "light"}, .default_text = "found"});
  in.settings.add("fit", fit,
                  "each drawing is cut out and enlarged or reduced to one size: for images with "
                  "margins of all kinds");
  in.settings.add("statistics", s.statistics, "instead of the run's",
                  {.choices = {"batch", "support", "running"}, .default_text = "the run's"});
  in.take({.threads = true, .out = true, .profile = true});
  in.parse();
  Threads threads(in.common.threads);
  const LoadedRun loaded = load_run(in, s, run);

  // One set of both, so that what is ink is found alike: groups "query" and "support".
  tasks::ImageSetBuilder builder;
  const auto add = [&](const char* group, const std::string& name, const fs::path& file) {
    const tasks::Image image = tasks::read_png(file);
    in.console.detail(fmt::format("{}: {} x {} pixels, {}", file.string(), image.width,
                                  image.height, image.channels == 1 ? "grey" : "colour"));
    const tasks::Image clean = tasks::with_clean_paper(image);
    builder.add(group, name, file.filename().string(), fit ? tasks::fitted(clean) : clean);
  };
  const auto pass_over = [&](const std::vector<fs::path>& others) {
    for (const fs::path& other : others)
      in.console.detail(other.string() + ": passed over: not a .png file");
  };
  std::vector<std::string> labels;
  const Listing classes = list(support);
  for (const fs::path& folder : classes.folders) {
    Listing files = list(folder);
    if (files.pictures.empty()) throw DataError(no_pictures(folder, files));
    pass_over(files.others);
    if (shot && static_cast<int>(files.pictures.size()) < *shot)
      throw DataError(fmt::format("{}: {} PNG files, --shot {} asks for more", folder.string(),
                                  files.pictures.size(), *shot));
    if (shot) files.pictures.resize(static_cast<std::size_t>(*shot));
    labels.push_back(folder.filename().string());
    for (const fs::path& file : files.pictures) add("support", labels.back(), file);
  }
  if (labels.size() < 2)
    throw DataError(fmt::format("{}: {} class folders with PNG files; at least 2 are needed",
                                support, labels.size()));
  const int way = static_cast<int>(labels.size());
  require_way(loaded.learner, way);
  const Listing asked = list(query);
  const std::vector<fs::path>& files = asked.pictures;
  if (files.empty()) throw DataError(no_pictures(query, asked));
  pass_over(asked.others);
  for (const fs::path& file : files) add("query", "query", file);
  const auto set = as_trained(
      loaded,
      ink ? builder.finish(support, *ink == "dark" ? tasks::Ink::dark : tasks::Ink::light)
          : builder.finish(support),
      in.console);
  in.open_out();

  std::vector<int> of_support, of_query;
  std::vector<std::int32_t> label_of;
  std::int32_t label = 0;
  for (const tasks::ImageSet::Class& c : set->classes()) {
    const bool is_support = set->groups()[static_cast<std::size_t>(c.group)] == "support";
    for (int i = 0; i < c.count; ++i) {
      (is_support ? of_support : of_query).push_back(c.first + i);
      if (is_support) label_of.push_back(label);
    }
    label += is_support ? 1 : 0;
  }
  const tasks::Renderer renderer(set, {.size = image_size, .centre = loaded.recipe.centre});
  Tape tape(Recording::off, &threads);
  const Tensor p = loaded.learner.adapt(tape, loaded.trained.phi, loaded.trained.carry,
                                        renderer.images(of_support), Indices(label_of),
                                        way)(renderer.images(of_query));

  Json answers = Json::array();
  Table table({"file", "label", "probability"});
  table.left(1);
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i) * way;
    int best = 0;
    for (int k = 1; k < way; ++k)
      if (p.at(row + k) > p.at(row + best)) best = k;
    const std::string& name = labels[static_cast<std::size_t>(best)];
    const double probability = p.at(row + best);
    table.row({files[i].filename().string(), name, fixed(probability, 4)});
    answers.push_back(
        {{"file", files[i].filename().string()}, {"label", name}, {"probability", probability}});
  }
  in.console.print(table.text());
  in.finish({{"learner", loaded.learner.name()},
             {"classes", labels},
             {"transductive", loaded.learner.transductive()},
             {"files", answers}});
  return exit_done;
}

}  // namespace metatape::cli

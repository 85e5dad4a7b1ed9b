// classify.cpp: `metatape fewshot classify`: a user's own images, a label and a probability each.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "../commands.hpp"
#include "metatape/autodiff/tape.hpp"
#include "metatape/tasks/images/render.hpp"
#include "setup.hpp"

namespace metatape::cli {

namespace {

namespace fs = std::filesystem;

// Names in byte order; hidden ones left out. DataError names a folder that cannot be read.
std::vector<fs::path> entries(const fs::path& folder, bool folders) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.starts_with(".") || name == "__MACOSX" || it->is_directory() != folders) continue;
    std::string extension = it->path().extension().string();
    std::ranges::transform(extension, extension.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    });
    if (folders || extension == ".png") found.push_back(it->path());
  }
  if (error) throw DataError(fmt::format("{}: {}", folder.string(), error.message()));
  std::ranges::sort(found);
  return found;
}

}  // namespace

int fewshot_classify(Invocation& in) {
  FewShotSettings s;
  std::string run, support, query;
  in.settings.add("run", run, "a run of `fewshot train`", {.value_name = "DIR", .required = true});
  in.settings.add("support", support, "a folder with a folder of PNG files a class",
                  {.value_name = "DIR", .required = true});
  in.settings.add("query", query, "a folder of PNG files to be classified",
                  {.value_name = "DIR", .required = true});
  in.settings.add("statistics", s.statistics, "instead of the run's",
                  {.choices = {"batch", "support", "running"}, .default_text = "the run's"});
  in.take({.threads = true, .out = true});
  in.parse();
  Threads threads(in.common.threads);
  const LoadedRun loaded = load_run(in, s, run);

  // One set of both, so that what is ink is found alike: groups "query" and "support".
  tasks::ImageSetBuilder builder;
  std::vector<std::string> labels;
  for (const fs::path& folder : entries(support, true)) {
    const std::vector<fs::path> files = entries(folder, false);
    if (files.empty()) throw DataError(fmt::format("{}: no PNG files", folder.string()));
    labels.push_back(folder.filename().string());
    for (const fs::path& file : files)
      builder.add("support", labels.back(), file.filename().string(), tasks::read_png(file));
  }
  if (labels.size() < 2)
    throw DataError(fmt::format("{}: {} class folders with PNG files; at least 2 are needed",
                                support, labels.size()));
  const std::vector<fs::path> files = entries(query, false);
  if (files.empty()) throw DataError(fmt::format("{}: no PNG files", query));
  for (const fs::path& file : files)
    builder.add("query", "query", file.filename().string(), tasks::read_png(file));
  const auto set = builder.finish(support);
  require_channels(loaded, *set);
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
  const int way = static_cast<int>(labels.size());
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

#include "learned.hpp"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>

#include "metatape/metalearn/optimizers/by_name.hpp"
#include "metatape/metalearn/optimizers/checkpoint.hpp"

namespace metatape::cli {

namespace fs = std::filesystem;

void ModelSettings::declare(Settings& settings) {
  settings.section("Model");
  settings.add("model", model, "the learned optimizer",
               {.choices = {"lstm", "rnnprop"}, .what = "model"});
  settings.add("hidden", hidden, "units of a layer",
               {.least = 1, .most = 4096, .default_text = "20"});
  settings.add("layers", layers, "LSTM layers; 0 (lstm): a learned rate alone",
               {.least = 0, .most = 64, .default_text = "2"});
  settings.add("preprocess", preprocess, "of gradients, lstm: raw, or p of their logarithms",
               {.value_name = "raw|P", .default_text = "raw on formulas, 10 on networks"});
  settings.add("output-scale", output_scale, "of updates; rnnprop: the largest update",
               {.least = 0, .above_least = true, .default_text = "0.1"});
  settings.add("global", global, "units of each layer averaged over coordinates, lstm",
               {.least = 0, .most = 4096, .default_text = "0"});
  settings.add("groups", groups,
               "separate nets, lstm: PATTERN|PATTERN|... of tensors, and one for all others",
               {.value_name = "PATTERNS"});
}

metalearn::AnyOptimizer ModelSettings::fill(bool problem_is_network, std::uint64_t seed) {
  if (!hidden) hidden = 20;
  if (!layers) layers = 2;
  if (!output_scale) output_scale = 0.1;
  if (!global) global = 0;
  if (!preprocess) preprocess = problem_is_network ? "10" : "raw";
  std::string spec = fmt::format("{}:layers={},hidden={}", model, *layers, *hidden);
  if (model == "rnnprop") {
    if (*global > 0 || !groups.empty())
      throw UsageError("--global and --groups are for --model lstm");
    spec += fmt::format(",alpha={:g}", *output_scale);
  } else {
    double p = 0;
    const char* end = preprocess->data() + preprocess->size();
    const auto [at, error] = std::from_chars(preprocess->data(), end, p);
    const bool raw = *preprocess == "raw";
    if (!raw && (error != std::errc{} || at != end || !(p > 0)))
      throw UsageError(
          fmt::format("--preprocess: '{}': raw, or a number above 0, expected", *preprocess));
    spec += raw ? ",input=raw" : fmt::format(",input=log,p={:g}", p);
    spec += fmt::format(",scale={:g},global={}", *output_scale, *global);
    if (!groups.empty()) spec += ",groups=" + groups;
  }
  try {
    return metalearn::optimizer_by_name(fmt::format("{},seed={}", spec, seed));
  } catch (const DataError& e) {
    throw UsageError(e.what());
  }
}

metalearn::AnyOptimizer load_learned(const std::string& run_or_file) {
  fs::path file = run_or_file;
  std::error_code ignored;
  if (fs::is_directory(file, ignored)) {
    const fs::path best = file / "optimizer.safetensors";
    const std::string command =
        fs::exists(file / "config.toml", ignored) ? command_of(file / "config.toml") : "";
    if (!command.empty() && command != "optimizer train")
      throw UsageError(
          fmt::format("{}: a run of '{}', not of 'optimizer train'", run_or_file, command));
    if (!fs::exists(best, ignored) && !command.empty())
      throw DataError(fmt::format("{}: no optimizer.safetensors in it: the run has not saved yet",
                                  run_or_file));
    file = best;
  }
  const nn::Checkpoint checkpoint = nn::load(file);
  try {
    return metalearn::optimizer_of(checkpoint, file.string());
  } catch (const DataError& e) {
    throw UsageError(e.what());
  }
}

}  // namespace metatape::cli

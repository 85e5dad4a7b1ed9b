// data_spec.cpp: from --data SPEC to an ImageSet.
#include "metatape/tasks/images/data_spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "metatape/tasks/images/strokes.hpp"
#include "metatape/tasks/nearest_name.hpp"

namespace metatape::tasks {
namespace fs = std::filesystem;
namespace {

const std::vector<std::string> kinds = {"strokes", "omniglot", "folder", "mnist", "idx", "cifar10"};

std::vector<std::string> pieces(std::string_view text) {
  std::vector<std::string> out;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t to = std::min(text.find(',', from), text.size());
    out.emplace_back(text.substr(from, to - from));
    from = to + 1;
  }
  return out;
}

std::string absolute(const std::string& path, const std::string& kind) {
  if (path.empty()) throw SpecError(fmt::format("data '{}:': a path is missing", kind));
  std::error_code why;
  const fs::path full = fs::absolute(path, why);
  return why ? path : full.lexically_normal().string();
}

template <class T>
T number(const std::string& key, const std::string& value, T low, T high) {
  T result{};
  const auto [end, why] = std::from_chars(value.data(), value.data() + value.size(), result);
  if (why != std::errc() || end != value.data() + value.size() || result < low || result > high)
    throw SpecError(fmt::format("data strokes: {}={}: a whole number from {} to {} expected", key,
                                value, low, high));
  return result;
}

void parse_strokes(std::string_view text, DataSpec& spec) {
  for (const std::string& piece : pieces(text)) {
    const std::size_t equals = piece.find('=');
    const std::string key = piece.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : piece.substr(equals + 1);
    if (key == "alphabets") {
      spec.alphabets = number(key, value, 1, 1000);
    } else if (key == "drawers") {
      spec.drawers = number(key, value, 1, 1000);
    } else if (key == "seed") {
      spec.seed = number<std::uint64_t>(key, value, 0, ~std::uint64_t{0});
    } else {
      throw SpecError(fmt::format("data strokes: unknown key '{}'{}{}", key,
                                  did_you_mean(key, {"alphabets", "drawers", "seed"}),
                                  " (keys: alphabets, drawers, seed)"));
    }
  }
}

std::string from_environment(const std::string& kind) {
  const char* root = std::getenv("METATAPE_DATA");
  if (!root || !*root)
    throw SpecError(fmt::format(
        "data '{}': no path: write {}:PATH, or name the folder of data in METATAPE_DATA", kind,
        kind));
  std::error_code why;
  const fs::path folder = fs::path(root) / kind;
  if (kind == "omniglot")
    for (const char* name : {"images_background.zip", "images_background"})
      if (fs::exists(folder / name, why)) return (folder / name).string();
  return kind == "omniglot" ? (folder / "images_background.zip").string() : folder.string();
}

}  // namespace

DataSpec parse_data(std::string_view text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  DataSpec spec;
  spec.kind = text.substr(0, colon);
  const std::string_view rest = text.substr(std::min(colon + 1, text.size()));
  const bool bare = colon == text.size();
  if (std::find(kinds.begin(), kinds.end(), spec.kind) == kinds.end())
    throw SpecError(fmt::format("unknown data '{}'{} (one of {})", spec.kind,
                                did_you_mean(spec.kind, kinds),
                                "strokes, omniglot, folder, mnist, idx, cifar10"));
  if (spec.kind == "strokes") {
    if (!bare) parse_strokes(rest, spec);
  } else if (bare) {
    if (spec.kind != "omniglot" && spec.kind != "mnist")
      throw SpecError(fmt::format("data '{}': no path: write {}:{}", spec.kind, spec.kind,
                                  spec.kind == "idx" ? "IMAGES,LABELS" : "PATH"));
    spec.paths = {absolute(from_environment(spec.kind), spec.kind)};
  } else if (spec.kind == "omniglot" || spec.kind == "idx") {
    for (const std::string& path : pieces(rest)) spec.paths.push_back(absolute(path, spec.kind));
    if (spec.kind == "idx" && spec.paths.size() != 2)
      throw SpecError(fmt::format("data '{}': two files expected: idx:IMAGES,LABELS", text));
  } else {
    std::string path(rest);
    const std::size_t comma = path.rfind(",ink=");
    if (spec.kind == "folder" && comma != std::string::npos) {
      spec.ink = path.substr(comma + 5);
      path.resize(comma);
      if (spec.ink != "dark" && spec.ink != "light")
        throw SpecError(fmt::format("data folder: ink={}: dark or light expected", spec.ink));
    }
    spec.paths = {absolute(path, spec.kind)};
  }
  return spec;
}

std::string DataSpec::text() const {
  if (kind == "strokes")
    return fmt::format("strokes:alphabets={},seed={},drawers={}", alphabets, seed, drawers);
  std::string out = kind + ":";
  for (const std::string& path : paths) out += (out.back() == ':' ? "" : ",") + path;
  return ink.empty() ? out : out + ",ink=" + ink;
}

std::shared_ptr<const ImageSet> read_data(const DataSpec& spec, const ReadOptions& options,
                                          Threads* threads) {
  if (spec.kind == "strokes")
    return generate_strokes(
        {.alphabets = spec.alphabets, .drawers = spec.drawers, .seed = spec.seed}, threads);
  if (spec.kind == "omniglot")
    return read_omniglot({spec.paths.begin(), spec.paths.end()}, options);
  if (spec.kind == "folder") {
    ReadOptions said = options;
    if (!spec.ink.empty()) said.ink = spec.ink == "dark" ? Ink::dark : Ink::light;
    return read_folder(spec.paths.at(0), said);
  }
  if (spec.kind == "mnist") return read_mnist(spec.paths.at(0));
  if (spec.kind == "idx") return read_idx_set(spec.paths.at(0), spec.paths.at(1));
  if (spec.kind == "cifar10") return read_cifar10(spec.paths.at(0));
  throw SpecError(fmt::format("unknown data '{}'{}", spec.kind, did_you_mean(spec.kind, kinds)));
}

std::shared_ptr<const ImageSet> read_data(std::string_view spec, const ReadOptions& options,
                                          Threads* threads) {
  return read_data(parse_data(spec), options, threads);
}

DataCheck check_data(const DataSpec& spec, Threads* threads) {
  DataCheck check;
  try {
    check.set = read_data(spec, {.broken = &check.broken, .ink = {}}, threads);
  } catch (const SpecError&) {
    throw;
  } catch (const DataError& error) {
    if (!check.broken.empty()) return check;  // "none can be read" adds nothing to the list
    const std::string what = error.what();
    const std::size_t colon = std::min(what.find(": "), what.size());
    check.broken.push_back({what.substr(0, colon), what.substr(std::min(colon + 2, what.size()))});
  }
  return check;
}

}  // namespace metatape::tasks

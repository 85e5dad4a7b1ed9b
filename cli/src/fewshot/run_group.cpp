#include "run_group.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>

namespace metatape::cli {

namespace fs = std::filesystem;

RunGroup find_runs(const std::string& folder) {
  constexpr std::string_view prefix = "seed-";
  std::vector<std::pair<std::uint64_t, std::string>> found;
  std::error_code ignored;  // a folder that cannot be read is said by whoever opens the run
  for (fs::directory_iterator it(folder, ignored), end; !ignored && it != end;
       it.increment(ignored)) {
    const std::string name = it->path().filename().string();
    if (!name.starts_with(prefix)) continue;
    std::uint64_t seed = 0;
    const char* last = name.data() + name.size();
    const auto [stop, why] = std::from_chars(name.data() + prefix.size(), last, seed);
    std::error_code none;
    if (why == std::errc() && stop == last && fs::exists(it->path() / "config.toml", none))
      found.emplace_back(seed, it->path().string());
  }
  if (found.empty()) return {.folders = {folder}};
  std::ranges::sort(found);
  RunGroup group{.seeds = true};
  for (auto& [seed, path] : found) group.folders.push_back(std::move(path));
  return group;
}

}  // namespace metatape::cli

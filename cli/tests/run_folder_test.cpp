// run_folder_test.cpp: who may write into a folder, and what is left of a run that was killed.
#include "run_folder.hpp"

#include <algorithm>
#include <cmath>

#include "metatape/autodiff/error.hpp"
#include "metatape/nn/atomic_file.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

using namespace metatape::cli;
using metatape::DataError;
namespace fs = std::filesystem;

namespace {

template <class F>
std::string complaint(F&& f) {
  return scratch::complaint<DataError>(f);
}

}  // namespace

TEST_CASE("a folder that holds something is refused, and written over when told") {
  const scratch::Folder scratch;
  const fs::path run = scratch / "a/b/run";
  { CHECK(RunFolder::create(run, false).path() == run); }
  { RunFolder::create(run, false).write_config("way = 5\n"); }  // its lock is nothing
  CHECK(complaint([&] { RunFolder::create(run, false); }) ==
        run.string() + ": is not empty; name another --out, or add --force to write over it");
  fs::create_directory(run / "figures");
  scratch::write(run / "figures" / "loss.svg", "old");
  scratch::write(run / "checkpoint.safetensors", "old");
  scratch::write(run / "notes.txt", "mine");
  const RunFolder again = RunFolder::create(run, true);
  CHECK(!again.has_checkpoint());
  CHECK(!fs::exists(run / "figures"));
  CHECK(!fs::exists(again.config()));
  CHECK(scratch::read(run / "notes.txt") == "mine");
}

TEST_CASE("--force on a folder that no run made keeps its figures") {
  const scratch::Folder scratch;
  fs::create_directories(scratch / "mine/figures");
  scratch::write(scratch / "mine/figures/holiday.svg", "sun");
  const RunFolder folder = RunFolder::create(scratch / "mine", true);
  CHECK(scratch::read(scratch / "mine/figures/holiday.svg") == "sun");
}

TEST_CASE("places that no run can be in") {
  const scratch::Folder scratch;
  const fs::path file = scratch / "file", below = file / "below";
  scratch::write(file, "mine");
  CHECK(complaint([&] { RunFolder::create(file, true); }) ==
        file.string() + ": is a file, and a folder is needed");
  CHECK(complaint([&] { RunFolder::create(below, true); }) ==
        below.string() + ": cannot be made: Not a directory");
  CHECK(scratch::read(file) == "mine");
}

TEST_CASE("one process at a time") {
  const scratch::Folder scratch;
  const fs::path run = scratch / "run";
  const std::string busy = run.string() + ": another process is working on this run";
  {
    const RunFolder first = RunFolder::create(run, false);
    first.write_config("way = 5\n");
    CHECK(complaint([&] { RunFolder::resume(run); }) == busy);
    CHECK(complaint([&] { RunFolder::create(run, true); }) == busy);
    CHECK(fs::exists(first.config()));
  }
  CHECK(RunFolder::resume(run).resumed());
}

TEST_CASE("a resume needs a run, and clears what a killed process left") {
  const scratch::Folder scratch;
  const fs::path run = scratch / "run";
  CHECK(complaint([&] { RunFolder::resume(run); }) == run.string() + ": there is no such run");
  fs::create_directories(run / "figures");
  CHECK(complaint([&] { RunFolder::resume(run); }) ==
        run.string() + ": no config.toml in it: not a run that can go on");
  scratch::write(run / "config.toml", "");
  for (const char* stray : {"config.toml.12.tmp", "summary.json.3.tmp", "figures/loss.svg.4.tmp"})
    scratch::write(run / stray, "half");
  for (const char* kept : {"figures/mine.tmp", "config.toml.old.tmp", "notes.1.tmp"})
    scratch::write(run / kept, "mine");
  const RunFolder folder = RunFolder::resume(run);
  for (const char* stray : {"config.toml.12.tmp", "summary.json.3.tmp", "figures/loss.svg.4.tmp"})
    CHECK(!fs::exists(run / stray));
  for (const char* kept : {"figures/mine.tmp", "config.toml.old.tmp", "notes.1.tmp"})
    CHECK(fs::exists(run / kept));
}

TEST_CASE("default names: the second in a second is -2") {
  const scratch::Folder scratch;
  const fs::path here = fs::current_path();
  fs::current_path(scratch / "");
  std::vector<std::string> names;
  for (int i = 0; i < 12; ++i)
    names.push_back(RunFolder::create_default("data", "show").path().string());
  fs::current_path(here);
  std::ranges::sort(names);
  CHECK(std::ranges::adjacent_find(names) == names.end());
  CHECK(std::ranges::count_if(names, [](const std::string& n) { return n.ends_with("Z-2"); }) > 0);
  for (const std::string& name : names) CHECK(name.starts_with("runs/data-show-"));
}

TEST_CASE("metrics: a torn last line goes, and so do lines of steps not saved") {
  const std::string whole = "{\"step\":10,\"wall_s\":1.5}\n{\"step\":20,\"wall_s\":2.5}\n";
  KeptMetrics kept = keep_metrics(whole, 20, "m");
  CHECK(kept.text == whole);
  CHECK((!kept.torn && kept.beyond == 0));
  CHECK(seconds_spent(kept) == 2.5);

  for (std::size_t cut = whole.size() / 2 + 1; cut < whole.size(); ++cut) {
    INFO(cut);
    kept = keep_metrics(whole.substr(0, cut), 20, "m");
    CHECK(kept.torn);
    CHECK(kept.text == whole.substr(0, whole.size() / 2));
    CHECK(seconds_spent(kept) == 1.5);
  }
  kept = keep_metrics(whole + std::string(20, '\0') + "\n", 20, "m");  // after a power loss
  CHECK((kept.torn && kept.text == whole));
  kept = keep_metrics(whole, 19, "m");
  CHECK((kept.beyond == 1 && kept.lines.size() == 1));
  kept = keep_metrics(whole, -1, "m");
  CHECK((kept.beyond == 2 && kept.text.empty() && seconds_spent(kept) == 0));
  CHECK(complaint([&] { (void)keep_metrics("x\n" + whole, 20, "m.jsonl"); }) ==
        "m.jsonl:1: not an object with a step");
  CHECK(complaint([&] { (void)keep_metrics("{\"step\":1}\n[]\n" + whole, 20, "m.jsonl"); }) ==
        "m.jsonl:2: not an object with a step");
}

TEST_CASE("metrics of a resume go on where the checkpoint is") {
  const scratch::Folder scratch;
  {
    const RunFolder folder = RunFolder::create(scratch / "run", false);
    folder.write_config("");
    Metrics metrics = folder.open_metrics(-1);
    for (int step : {10, 20, 30}) metrics.append({{"step", step}, {"wall_s", 1}});
  }
  const fs::path file = scratch / "run/metrics.jsonl";
  scratch::write(file, scratch::read(file) + "{\"step\":4");
  const RunFolder folder = RunFolder::resume(scratch / "run");
  KeptMetrics kept;
  Metrics metrics = folder.open_metrics(20, &kept);
  CHECK((kept.torn && kept.beyond == 1));
  metrics.append({{"step", 30}, {"wall_s", std::nan("")}});
  CHECK(scratch::read(file) ==
        "{\"step\":10,\"wall_s\":1}\n{\"step\":20,\"wall_s\":1}\n{\"step\":30,\"wall_s\":null}\n");
}

TEST_CASE("a file written whole leaves devices, pipes and links what they are") {
  const scratch::Folder scratch;
  // Links of ours stand for the device: a writer that renames would replace only the link.
  fs::create_symlink("/dev/null", scratch / "null");
  metatape::nn::write_atomically(scratch / "null", "text");
  CHECK(fs::is_symlink(scratch / "null"));
  CHECK(fs::is_character_file(scratch / "null"));

  scratch::write(scratch / "file", "old");
  fs::create_symlink("file", scratch / "link");
  metatape::nn::write_atomically(scratch / "link", "new");
  CHECK(fs::is_symlink(scratch / "link"));
  CHECK(scratch::read(scratch / "file") == "new");

  fs::create_directory(scratch / "folder");
  CHECK(complaint([&] {
          metatape::nn::write_atomically(scratch / "folder", "x");
        }).ends_with("folder: cannot be written: Is a directory"));
}

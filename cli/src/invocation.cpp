#include "invocation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "metatape/autodiff/machine.hpp"
#include "metatape/autodiff/threads.hpp"
#include "metatape/nn/atomic_file.hpp"
#include "metatape/tasks/images/data_spec.hpp"
#include "profile_report.hpp"

namespace metatape::cli {

namespace fs = std::filesystem;

namespace {

std::string text_of(const fs::path& config, std::string_view key) {
  for (const TomlEntry& entry : read_toml(config))
    if (entry.key == key)
      if (const auto* text = std::get_if<std::string>(&entry.value)) return *text;
  return "";
}

}  // namespace

std::string command_of(const fs::path& config) { return text_of(config, "command"); }

Invocation::Invocation(const Command& which, std::vector<std::string> words,
                       std::vector<std::string> typed)
    : command(which),
      words_(std::move(words)),
      typed_(std::move(typed)),
      begin_(std::chrono::steady_clock::now()) {}

void Invocation::take(const Takes& takes) {
  takes_ = takes;
  const auto own = [](const char* value_name) {
    return SettingTraits{.value_name = value_name, .result = false, .command_line_only = true};
  };
  settings.section("Common options");
  if (takes.data || takes.data_positional)
    settings.add(
        "data", common.data,
        "what is learned on: strokes, omniglot:PATH[,PATH], folder:PATH, mnist:PATH, "
        "idx:IMAGES,LABELS, cifar10:PATH",
        {.value_name = "SPEC",
         .positional = takes.data_positional,
         .canonical = [](const std::string& spec) { return tasks::parse_data(spec).text(); }});
  if (takes.seed)
    settings.add("seed", common.seed, "same seed, same bits, whatever the threads",
                 {.value_name = "N"});
  if (takes.dtype)
    settings.add("dtype", common.dtype, "of the numbers computed with",
                 {.choices = {"f32", "f64"}});
  if (takes.threads) {
    common.threads = available_cores();
    settings.add("threads", common.threads, "how many work at once",
                 {.value_name = "N",
                  .least = 1,
                  .most = 1024,
                  .result = false,
                  .default_text = "the cores this process may use"});
  }
  if (takes.out || takes.run) {
    SettingTraits traits = own("DIR");
    if (takes.run)
      traits.default_text = fmt::format("runs/{}{}{}-<UTC time>", command.noun,
                                        *command.verb ? "-" : "", command.verb);
    settings.add("out", common.out, "the folder for what is made", std::move(traits));
    settings.add("force", common.force, "write over what a run left in --out", own(""));
  }
  if (takes.run)
    settings.add("resume", common.resume, "go on with the interrupted or finished run in DIR",
                 own("DIR"));
  settings.add("config", common.config, "settings from a TOML file; the command line wins",
               own("FILE"));
  settings.add("json", common.json, "the summary object into FILE; - is standard output",
               own("FILE"));
  if (takes.profile)
    settings.add("profile", common.profile, "time and bytes by op", {.result = false});
  if (takes.memory) settings.add("memory", common.memory, "the tape's peak", {.result = false});
  settings.add("quiet", common.quiet, "no progress and no messages", {.result = false});
  settings.add("verbose", common.verbose, "more messages", {.result = false});
  settings.add("color", common.color, "when to use colours; NO_COLOR is respected",
               {.value_name = "WHEN", .choices = {"auto", "always", "never"}, .result = false});
}

void Invocation::parse() {
  try {
    settings.read_command_line(words_);
  } catch (const HelpAsked&) {
    throw HelpAsked{help()};
  }
  const auto made_by_another = [&](const fs::path& config) {
    const std::string other = command_of(config);
    return !other.empty() && "metatape " + other != name() ? other : "";
  };
  if (!common.config.empty()) {
    if (!common.resume.empty())
      throw UsageError("--config: --resume takes the run's own config.toml");
    if (const std::string other = made_by_another(common.config); !other.empty())
      throw UsageError(fmt::format("{}: settings of '{}', not of '{} {}'", common.config, other,
                                   command.noun, command.verb));
    settings.read_config(common.config);
  }
  if (!common.resume.empty()) {
    if (!common.out.empty() || common.force)
      throw UsageError(fmt::format("{}: --resume goes on in its own folder",
                                   common.out.empty() ? "--force" : "--out"));
    const fs::path config = fs::path(common.resume) / "config.toml";
    std::error_code ignored;
    if (fs::exists(config, ignored)) {  // otherwise open_run() says what is missing
      if (const std::string other = made_by_another(config); !other.empty())
        throw UsageError(fmt::format("{}: a run of '{}', not of '{} {}'", common.resume, other,
                                     command.noun, command.verb));
      settings.check_resume(config);
      settings.read_config(config);
    } else {
      RunFolder::resume(common.resume);
    }
  }
  settings.finish();
  console = Console({.quiet = common.quiet,
                     .verbose = common.verbose,
                     .silent_output = common.json == "-" || silent,
                     .color = common.color == "always"  ? Color::always
                              : common.color == "never" ? Color::never
                                                        : Color::automatic});
  if (!common.resume.empty())
    if (const std::string version = text_of(fs::path(common.resume) / "config.toml", "version");
        version != METATAPE_VERSION)
      console.warn(fmt::format("{}: made by metatape {}, this is {}: bits may differ",
                               common.resume, version.empty() ? "of another version" : version,
                               METATAPE_VERSION));
  (void)simd_name();  // a wrong METATAPE_SIMD is said now, not after an hour
  if (common.profile) profile_.emplace();
}

RunFolder& Invocation::open_run() {
  if (folder_) return *folder_;
  if (!common.resume.empty()) return folder_.emplace(RunFolder::resume(common.resume));
  folder_.emplace(common.out.empty() ? RunFolder::create_default(command.noun, command.verb)
                                     : RunFolder::create(common.out, common.force));
  rewrite_config();
  return *folder_;
}

RunFolder* Invocation::open_out() {
  if (!folder_ && common.out.empty()) return nullptr;
  return &open_run();
}

void Invocation::rewrite_config() { folder_.value().write_config(config_text()); }

std::string Invocation::config_text() const {
  return fmt::format("# {0}: the settings that determine the result; a valid --config\n", name()) +
         toml_line("command", name().substr(std::string_view("metatape ").size())) +
         toml_line("version", METATAPE_VERSION) + settings.config_text();
}

void Invocation::finish(Json result) { report(std::move(result), false); }

void Invocation::report(Json result, bool interrupted) {
  if (profile_) result["profile"] = profile_report(profile_->gathered(), console);
  const Json object = summary_object({.command = typed_,
                                      .seed = common.seed,
                                      .threads = common.threads,
                                      .wall_s = wall_s(),
                                      .interrupted = interrupted},
                                     std::move(result));
  if (folder_) folder_->write_summary(object);
  if (common.json == "-")
    console.print_raw(json_text(object));
  else if (!common.json.empty())
    nn::write_atomically(common.json, json_text(object, true));
}

void Invocation::interrupted(Json result) {
  report(std::move(result), true);
  if (!folder_ || !takes_.run) throw Interrupted("interrupted");
  const std::string path = folder_->path().string();
  throw Interrupted(
      fmt::format("interrupted; saved in {0}; go on with: {1} --resume {0}", path, name()));
}

double Invocation::wall_s() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
}

std::string Invocation::name() const {
  return fmt::format("metatape {}{}{}", command.noun, *command.verb ? " " : "", command.verb);
}

std::string Invocation::help() const {
  std::string example;
  for (std::string_view left = command.example; !left.empty();) {
    const std::size_t end = std::min(left.find('\n'), left.size());
    example += fmt::format("  {}\n", left.substr(0, end));
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  return fmt::format("{}: {}\n\nUsage: {}{} [options]\n\nExample:\n{}{}", name(), command.summary,
                     name(), settings.positional_usage(), example, settings.help());
}

}  // namespace metatape::cli

#include "program.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>

#include "commands.hpp"
#include "metatape/autodiff/machine.hpp"
#include "metatape/tasks/images/data_spec.hpp"
#include "report.hpp"
#include "signals.hpp"

namespace metatape::cli {

namespace {

bool is_help(const std::string& word) { return word == "--help" || word == "-h" || word == "help"; }

std::vector<std::string> nouns() {
  std::vector<std::string> all;
  for (const Command& c : commands())
    if (std::ranges::count(all, c.noun) == 0) all.emplace_back(c.noun);
  return all;
}

std::string program_help() {
  std::string text =
      "metatape: learning to learn, by a tape that differentiates through optimization\n\n"
      "Usage: metatape <noun> <verb> [options]\n";
  for (const std::string& noun : nouns()) {
    text += fmt::format("\n{}: {}\n", noun, noun_summary(noun));
    for (const Command& c : commands())
      if (c.noun == noun) text += fmt::format("  {} {:<14} {}\n", noun, c.verb, c.summary);
  }
  return text +
         "\nExample:\n  metatape data show strokes\n"
         "\nmetatape <noun> --help and metatape <noun> <verb> --help say more; metatape "
         "--version.\n";
}

std::string noun_help(const std::string& noun) {
  std::string text = fmt::format("metatape {}: {}\n\nUsage: metatape {} <verb> [options]\n\n", noun,
                                 noun_summary(noun), noun);
  std::string example;
  for (const Command& c : commands()) {
    if (c.noun != noun) continue;
    text += fmt::format("  {:<14} {}\n", c.verb, c.summary);
    const std::string_view first = c.example;
    if (example.empty()) example = first.substr(0, first.find('\n'));
  }
  return text +
         fmt::format("\nExample:\n  {}\n\nmetatape {} <verb> --help says more.\n", example, noun);
}

int say(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) flush_output();
  return exit_done;
}

int dispatch(const std::vector<std::string>& words) {
  if (words.empty()) throw UsageError("what is to be done? See metatape --help");
  const std::string& noun = words[0];
  if (is_help(noun) && words.size() == 1) return say(program_help());
  if (noun == "--version") return say("metatape " METATAPE_VERSION "\n");
  if (noun.starts_with('-'))
    throw UsageError(fmt::format("unknown option '{}' before the noun; see metatape --help", noun));
  const auto known = nouns();
  if (std::ranges::count(known, noun) == 0) throw UsageError(unknown_name("noun", noun, known));

  std::vector<std::string> verbs;
  const Command* found = nullptr;
  std::size_t used = 2;
  for (const Command& c : commands()) {
    if (c.noun != noun) continue;
    if (!*c.verb) {
      found = &c;
      used = 1;
      break;
    }
    verbs.emplace_back(c.verb);
    if (words.size() > 1 && words[1] == c.verb) found = &c;
  }
  if (!found) {
    if (words.size() > 1 && is_help(words[1])) return say(noun_help(noun));
    if (words.size() == 1 || words[1].starts_with('-'))
      throw UsageError(fmt::format("{}: a verb is missing; one of {}", noun, joined(verbs, ", ")));
    throw UsageError(unknown_name(noun + " verb", words[1], verbs));
  }
  std::vector<std::string> typed{"metatape"};
  typed.insert(typed.end(), words.begin(), words.end());
  Invocation in(*found, {words.begin() + static_cast<std::ptrdiff_t>(used), words.end()},
                std::move(typed));
  return found->run(in);
}

int complain(const std::string& why, int code) {
  // The result of a command that failed is not half printed: what stands in the buffer goes first.
  std::fflush(stdout);
  std::string line = why;
  std::ranges::replace(line, '\n', ' ');
  std::fprintf(stderr, "metatape: error: %s\n", line.c_str());
  return code;
}

}  // namespace

int run_program(const std::vector<std::string>& words) {
  const SubnormalsAsZero quick;
  prepare_streams();
  install_signal_handlers();
  try {
    const int code = dispatch(words);
    flush_output();
    return code;
  } catch (const HelpAsked& help) {
    try {
      say(help.text);
      flush_output();
      return exit_done;
    } catch (const Error& e) {
      return complain(e.what(), exit_failed);
    }
  } catch (const Interrupted& e) {
    std::fflush(stdout);
    std::fprintf(stderr, "metatape: %s\n", e.what());
    return exit_interrupted;
  } catch (const UsageError& e) {
    return complain(e.what(), exit_usage);
  } catch (const tasks::SpecError& e) {
    return complain(e.what(), exit_usage);
  } catch (const std::bad_alloc&) {
    return complain("out of memory", exit_failed);
  } catch (const std::exception& e) {
    return complain(e.what(), exit_failed);
  }
}

}  // namespace metatape::cli

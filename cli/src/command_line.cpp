// command_line.cpp: settings on the command line, and their help. CLI11 takes the words apart; what
// they mean is for the settings to say, so that a value is checked alike wherever it comes from.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <deque>

#include "failure.hpp"
#include "metatape/tasks/nearest_name.hpp"
#include "report.hpp"
#include "setting.hpp"
#include "settings.hpp"

namespace metatape::cli {

namespace {

constexpr std::size_t help_width = 100, help_column = 30;

std::string wrapped(const std::string& text, std::size_t indent) {
  std::string out;
  std::size_t column = indent;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t end = std::min(text.find(' ', i), text.size());
    if (column > indent && column + 1 + end - i > help_width) {
      out += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += text.substr(i, end - i);
    column += end - i;
    i = end + 1;
  }
  return out;
}

}  // namespace

void Settings::read_command_line(const std::vector<std::string>& words) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  app.allow_windows_style_options(false);
  bool help = false;
  app.add_flag("-h,--help", help);

  struct Slot {
    Setting* setting;
    CLI::Option* option;
    std::string text{};
    bool on = false;
  };
  std::deque<Slot> slots;  // CLI11 keeps addresses
  std::vector<std::string> options{"--help"};
  for (const auto& s : settings_) {
    if (s->traits.hidden) continue;
    Slot& slot = slots.emplace_back(Slot{s.get(), nullptr});
    const std::string name = "--" + s->name;
    options.push_back(name);
    if (s->is_flag()) {
      options.push_back("--no-" + s->name);
      slot.option = app.add_flag(name + ",!--no-" + s->name, slot.on);
    } else {
      slot.option = app.add_option(s->traits.positional ? name + "," + s->name : name, slot.text);
    }
    // Joined by newlines, of which each begins another item of the list.
    slot.option->multi_option_policy(s->traits.repeatable ? CLI::MultiOptionPolicy::Join
                                                          : CLI::MultiOptionPolicy::TakeLast);
  }

  // `--name=value` is taken apart here: CLI11 would take the next word for an empty value.
  std::vector<std::string> parts;
  bool only_values = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    only_values = only_values || word == "--";
    const auto equals = word.find('=');
    const Setting* s = !only_values && word.starts_with("--") && equals != std::string::npos
                           ? find(word.substr(2, equals - 2))
                           : nullptr;
    if (s && !s->is_flag() && !s->traits.hidden) {
      parts.push_back(word.substr(0, equals));
      parts.push_back(word.substr(equals + 1));
      continue;
    }
    parts.push_back(word);
    const Setting* named = !only_values && word.starts_with("--") ? find(word.substr(2)) : nullptr;
    if (named && !named->is_flag() && !named->traits.hidden) {
      if (i + 1 == words.size() || std::ranges::count(options, words[i + 1]) > 0)
        throw UsageError(fmt::format("{}: a value is missing ({})", word, named->value_name()));
      parts.push_back(words[++i]);
    }
  }

  std::ranges::reverse(parts);
  try {
    app.parse(std::move(parts));
  } catch (const CLI::Error& e) {
    const std::string what = e.what();
    throw UsageError(what.substr(0, what.find('\n')));
  }
  if (help) throw HelpAsked{};
  for (const std::string& word : app.remaining()) {
    if (!word.starts_with('-') || word.size() < 2)
      throw UsageError(fmt::format("'{}' is one word too many", word));
    const std::string name = word.substr(0, word.find('='));
    throw UsageError(
        fmt::format("unknown option '{}'{}", name, tasks::did_you_mean(name, options)));
  }
  for (Slot& slot : slots) {
    if (slot.option->empty()) continue;
    if (slot.setting->traits.repeatable) std::ranges::replace(slot.text, '\n', ',');
    if (slot.setting->is_flag())
      slot.setting->set_flag(slot.on);
    else
      slot.setting->set_text(slot.text, "--" + slot.setting->name);
    slot.setting->origin = Origin::command_line;
  }
}

std::string Settings::positional_usage() const {
  std::string usage;
  for (const auto& s : settings_)
    if (s->traits.positional)
      usage += s->traits.required ? " " + s->value_name() : " [" + s->value_name() + "]";
  return usage;
}

std::string Settings::help() const {
  std::vector<std::string> sections;
  for (const auto& s : settings_)
    if (!s->traits.hidden && std::ranges::count(sections, s->section) == 0)
      sections.push_back(s->section);
  std::string out;
  for (const std::string& title : sections) {
    out += "\n" + (title.empty() ? "Options" : title) + ":\n";
    for (const auto& s : settings_) {
      if (s->section != title || s->traits.hidden) continue;
      std::string left = "  --" + s->name;
      left += s->is_flag() ? (s->shown_default == "true" ? ", --no-" + s->name : "")
                           : " " + s->value_name();
      std::vector<std::string> facts;
      if (!s->traits.choices.empty()) facts.push_back(joined(s->traits.choices, ", "));
      if (const std::string range = s->range(); !range.empty()) facts.push_back(range);
      const std::string shown =
          s->traits.default_text.empty() ? s->shown_default : s->traits.default_text;
      if (s->traits.required)
        facts.emplace_back("required");
      else if (!shown.empty() && !(s->is_flag() && shown == "false"))
        facts.push_back("default " + shown);
      std::string text = s->help;
      if (!facts.empty()) text += fmt::format(" ({})", joined(facts, "; "));
      if (left.size() + 2 > help_column)
        left += "\n" + std::string(help_column, ' ');
      else
        left.resize(help_column, ' ');
      out += left + wrapped(text, help_column) + "\n";
    }
  }
  return out;
}

}  // namespace metatape::cli

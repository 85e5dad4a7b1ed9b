#include "toml_guard.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "failure.hpp"
#include "toml_file.hpp"

namespace metatape::cli {

namespace {

constexpr int deepest = 16;

[[noreturn]] void refuse(const std::string& name, int line, const std::string& why) {
  throw UsageError(fmt::format("{}:{}: {}", name, line, why));
}

/// Bytes of the UTF-8 character at the front; 0 when there is none (RFC 3629: no overlong forms, no
/// surrogates, nothing above U+10FFFF).
std::size_t utf8_length(std::string_view s) {
  const auto at = [&](std::size_t i) {
    return static_cast<unsigned char>(i < s.size() ? s[i] : 0);
  };
  const auto tail = [&](std::size_t i) { return (at(i) & 0xC0) == 0x80; };
  const unsigned a = at(0), b = at(1);
  if (a < 0x80) return 1;
  if (a >= 0xC2 && a <= 0xDF && tail(1)) return 2;
  if (a >= 0xE0 && a <= 0xEF && tail(1) && tail(2))
    return (a == 0xE0 && b < 0xA0) || (a == 0xED && b > 0x9F) ? 0 : 3;
  if (a >= 0xF0 && a <= 0xF4 && tail(1) && tail(2) && tail(3))
    return (a == 0xF0 && b < 0x90) || (a == 0xF4 && b > 0x8F) ? 0 : 4;
  return 0;
}

void check_characters(std::string_view text, const std::string& name) {
  int line = 1;
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == 0) refuse(name, line, "a NUL byte");
    if (c == '\r' && (i + 1 == text.size() || text[i + 1] != '\n'))
      refuse(name, line, "a carriage return without a line feed");
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F)
      refuse(name, line, fmt::format("a control character (0x{:02X})", c));
    const std::size_t n = utf8_length(text.substr(i));
    if (n == 0) refuse(name, line, "not UTF-8");
    line += c == '\n';
    i += n;
  }
}

/// Whether a word that looks like an integer fits 64 bits; other words always do.
bool fits(std::string word) {
  std::erase(word, '_');
  const bool signed_word = word.starts_with('+') || word.starts_with('-');
  if (word.starts_with('+')) word.erase(0, 1);
  int base = 10;
  std::size_t digits = word.starts_with('-') ? 1 : 0;
  if (!signed_word && word.size() > 2 && word[0] == '0') {
    base = word[1] == 'x' ? 16 : word[1] == 'o' ? 8 : word[1] == 'b' ? 2 : 10;
    if (base != 10) word.erase(0, 2), digits = 0;
  }
  if (digits == word.size()) return true;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
  return error != std::errc::result_out_of_range || end != word.data() + word.size();
}

/// One pass over keys, strings, brackets and words. What is no TOML is left for toml11 to say.
class Scan {
 public:
  Scan(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  std::unordered_map<std::string, int> run() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n') {
        ++line_;
        if (depth_ == 0) value_ = false, key_.clear();
        parts_ = 0;
        ++at_;
      } else if (c == '#') {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else if (c == '"' || c == '\'') {
        string(c);
      } else if (c == '[' || c == '{') {
        if (!value_ && depth_ == 0 && key_.empty()) tables_ = true;  // [a] opens a table
        if (++depth_ > deepest) refuse(name_, line_, fmt::format("nested deeper than {}", deepest));
        parts_ = 0;
        ++at_;
      } else if (c == ']' || c == '}') {
        depth_ = std::max(0, depth_ - 1);
        ++at_;
      } else if (c == '=') {
        if (depth_ == 0 && !value_) end_key();
        parts_ = 0;
        ++at_;
      } else if (c == ',') {
        parts_ = 0;
        ++at_;
      } else {
        word();
      }
    }
    return std::move(lines_);
  }

 private:
  void string(char quote) {
    const std::string triple(3, quote);
    const bool many = text_.substr(at_).starts_with(triple);
    const std::size_t begin = at_ += many ? 3 : 1;
    while (at_ < text_.size()) {
      if (many ? text_.substr(at_).starts_with(triple) : text_[at_] == quote) break;
      if (text_[at_] == '\n' && !many) return;  // not closed: toml11 will say so
      if (quote == '"' && text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      line_ += text_[at_] == '\n';
      ++at_;
    }
    if (depth_ == 0 && !value_) key_ += text_.substr(begin, at_ - begin);
    at_ = std::min(text_.size(), at_ + (many ? 3 : 1));
  }

  void word() {
    const std::size_t begin = at_;
    while (at_ < text_.size() &&
           std::string_view("\n#\"'[]{}=,").find(text_[at_]) == std::string_view::npos) {
      const char c = text_[at_];
      if (c == '.' && ++parts_ > deepest)
        refuse(name_, line_, fmt::format("a key of more than {} parts", deepest));
      ++at_;
    }
    std::string_view found = text_.substr(begin, at_ - begin);
    const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
    while (!found.empty() && blank(found.front())) found.remove_prefix(1);
    while (!found.empty() && blank(found.back())) found.remove_suffix(1);
    if (found.empty()) return;
    if (value_ || depth_ > 0) {
      if (!fits(std::string(found)))
        refuse(name_, line_, fmt::format("{} does not fit 64 bits", found.substr(0, 40)));
    } else {
      key_ += found;
    }
  }

  void end_key() {
    value_ = true;
    if (tables_) return;
    const auto [entry, is_new] = lines_.emplace(key_, line_);
    if (!is_new)
      refuse(name_, line_, fmt::format("'{}' is set twice; first on line {}", key_, entry->second));
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t at_ = 0;
  int line_ = 1, depth_ = 0, parts_ = 0;
  bool value_ = false;   // after the = of a line
  bool tables_ = false;  // after the first [table]: its keys are of no use
  std::string key_;
  std::unordered_map<std::string, int> lines_;
};

}  // namespace

std::unordered_map<std::string, int> guard_toml(std::string_view text, const std::string& name) {
  if (text.size() > largest_toml) throw UsageError(name + ": larger than 1 MiB");
  if (text.starts_with("\xEF\xBB\xBF"))
    refuse(name, 1, "begins with a byte order mark; plain UTF-8 is expected");
  check_characters(text, name);
  return Scan(text, name).run();
}

}  // namespace metatape::cli

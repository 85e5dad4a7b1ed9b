#include "shapes.hpp"

#include <algorithm>
#include <charconv>

#include <metatape/autodiff.hpp>

namespace bench {

Spec::Spec(const std::string& text) : text_(text), name_(text.substr(0, text.find(':'))) {
  for (std::size_t at = name_.size(); at < text.size();) {
    const std::size_t end = std::min(text.find(':', at + 1), text.size());
    const std::string word = text.substr(at + 1, end - at - 1);
    const std::size_t equals = std::min(word.find('='), word.size());
    std::int64_t size = 0;
    const char* const last = word.data() + word.size();
    const char* const first = std::min(word.data() + equals + 1, last);
    const auto read = std::from_chars(first, last, size);
    if (equals == 0 || read.ec != std::errc() || read.ptr != last || size < 1 || size > 1000000)
      throw metatape::DataError("--workload " + text + ": '" + word +
                                "' is not SIZE=NUMBER, a whole number of at least 1");
    sizes_.emplace_back(word.substr(0, equals), size);
    at = end;
  }
}

void Spec::take(const std::string& key, std::int64_t& size) {
  known_.push_back(key);
  const auto found = std::ranges::find(sizes_, key, [](const auto& s) { return s.first; });
  if (found == sizes_.end()) return;
  size = found->second;
  sizes_.erase(found);
}

void Spec::finish() const {
  if (sizes_.empty()) return;
  std::string known;
  for (const std::string& k : known_) known += (known.empty() ? "" : ", ") + k;
  throw metatape::DataError("--workload " + text_ + ": " + name_ + " has no size '" +
                            sizes_.front().first + "'" +
                            (known.empty() ? "; it has none to be set" : "; it has " + known));
}

}  // namespace bench

#include "run_place.hpp"

#include <fmt/format.h>

#include "metatape/autodiff/error.hpp"

namespace metatape::metalearn::detail {

namespace {
constexpr std::size_t pieces = 8;
}

Tensor place_of(Key key, std::span<const std::int64_t> counts, DType dtype) {
  std::vector<double> numbers;
  for (const std::uint64_t word : key.words())
    for (int shift = 0; shift < 64; shift += 16)
      numbers.push_back(static_cast<double>((word >> shift) & 0xffff));
  for (const std::int64_t c : counts) numbers.push_back(static_cast<double>(c));
  const auto count = static_cast<std::int64_t>(numbers.size());
  return Tensor({count}, std::span<const double>(numbers)).to(dtype);
}

RunPlace place_in(const Tensor& place, std::size_t counts) {
  const std::vector<double> numbers = place.to_vector();
  if (numbers.size() != pieces + counts)
    throw DataError(
        fmt::format("a carry whose 'run' has {} numbers, not {}", numbers.size(), pieces + counts));
  std::array<std::uint64_t, 2> words{};
  for (std::size_t i = 0; i < pieces; ++i)
    words[i / 4] |= static_cast<std::uint64_t>(numbers[i]) << (16 * (i % 4));
  RunPlace p{.key = Key::of_words(words)};
  for (std::size_t i = pieces; i < numbers.size(); ++i)
    p.counts.push_back(static_cast<std::int64_t>(numbers[i]));
  return p;
}

}  // namespace metatape::metalearn::detail

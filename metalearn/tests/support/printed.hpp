// printed.hpp: a number held to one that was printed somewhere: to half a unit of its last digit,
// and no looser than 1e-10 of it where that has more digits.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

namespace printed {

/// How far `found` may be from `text`, "-2.7871083974" or "1.5e-09".
inline double slack(const std::string& text) {
  const std::size_t e = std::min(text.find('e'), text.size());
  const std::size_t point = std::min(text.find('.'), e);
  const double digits = point < e ? static_cast<double>(e - point - 1) : 0;
  const double power = e < text.size() ? std::atof(text.c_str() + e + 1) : 0;
  return std::max(0.500001 * std::pow(10.0, power - digits),
                  1e-10 * std::abs(std::atof(text.c_str())));
}

inline bool as(double found, const std::string& text) {
  return std::abs(found - std::atof(text.c_str())) <= slack(text);
}

}  // namespace printed

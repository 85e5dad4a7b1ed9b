// strokes.cpp: from a character's strokes to ink, and from alphabets to an ImageSet.
#include "metatape/tasks/images/strokes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <tuple>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/threads.hpp"
#include "strokes_design.hpp"

namespace metatape::tasks {
namespace {

using strokes::Path;
using strokes::Point;

constexpr int side = 105;
constexpr Point middle{49.3, 50.6};
constexpr double margin = 3, pen = 2, too_alike = 8;
constexpr double lightest = 0.028, heaviest = 0.112;  // mean ink of Omniglot's alphabets
constexpr int redraws = 50;                           // then what was drawn last stays

struct Box {
  Point low{std::numeric_limits<double>::max(), std::numeric_limits<double>::max()};
  Point high{std::numeric_limits<double>::lowest(), std::numeric_limits<double>::lowest()};
};

Box bounds(const std::vector<Path>& paths) {
  Box box;
  for (const Path& path : paths)
    for (const Point& p : path) {
      box.low = {std::min(box.low.row, p.row), std::min(box.low.column, p.column)};
      box.high = {std::max(box.high.row, p.row), std::max(box.high.column, p.column)};
    }
  return box;
}

/// What a drawing is measured by: the noise-free strokes' anchor and the scale of each axis.
struct Frame {
  Point anchor, scale;
};

Frame frame(const std::vector<Path>& ideal, const strokes::Character& character) {
  const Box box = bounds(ideal);
  Point sum;
  double count = 0;
  for (const Path& path : ideal)
    for (const Point& p : path) {
      sum.row += p.row;
      sum.column += p.column;
      count += 1;
    }
  Frame f;
  f.anchor = {0.4 * (box.low.row + box.high.row) / 2 + 0.6 * sum.row / count,
              0.4 * (box.low.column + box.high.column) / 2 + 0.6 * sum.column / count};
  const double height = std::max(box.high.row - box.low.row, 1e-3);
  const double width = std::max(box.high.column - box.low.column, 1e-3);
  const double tall = std::exp(character.log_height), wide = std::exp(character.log_width);
  // One scale for both axes that gives the box's diagonal, and each axis half way (in logarithms)
  // to filling its own side.
  const double even = std::hypot(tall, wide) / std::hypot(height, width);
  f.scale = {std::min(std::sqrt(tall / height * even), 1.5 * even),
             std::min(std::sqrt(wide / width * even), 1.5 * even)};
  return f;
}

/// Moves ink that would cross the border inside; shrinks what is larger than the room there is.
void fit(std::vector<Path>& paths) {
  constexpr double room = 98 - 2 * pen, low = margin + pen, high = side - 1 - margin - pen;
  Box box = bounds(paths);
  const double largest = std::max(box.high.row - box.low.row, box.high.column - box.low.column);
  if (largest > room) {
    const double shrink = room / largest;
    const Point centre{(box.low.row + box.high.row) / 2, (box.low.column + box.high.column) / 2};
    for (Path& path : paths)
      for (Point& p : path)
        p = {centre.row + (p.row - centre.row) * shrink,
             centre.column + (p.column - centre.column) * shrink};
    box = bounds(paths);
  }
  const auto inside = [](double from, double to) {
    return from < low ? low - from : to > high ? high - to : 0.0;
  };
  const double down = inside(box.low.row, box.high.row);
  const double right = inside(box.low.column, box.high.column);
  for (Path& path : paths)
    for (Point& p : path) p = {p.row + down, p.column + right};
}

/// The pen: 5 x 5 without its corners, put down every 0.7 pixel.
void ink(const std::vector<Path>& paths, Image& image) {
  const auto dot = [&](double row, double column) {
    const int r = static_cast<int>(std::lround(row)), c = static_cast<int>(std::lround(column));
    for (int y = -2; y <= 2; ++y) {
      const int half = y == -2 || y == 2 ? 1 : 2;
      if (r + y < 0 || r + y >= side) continue;
      for (int x = std::max(0, c - half); x <= std::min(side - 1, c + half); ++x)
        image.bytes[static_cast<std::size_t>((r + y) * side + x)] = 255;
    }
  };
  for (const Path& path : paths) {
    dot(path.front().row, path.front().column);
    double left = 0.7;  // to the next dot
    for (std::size_t i = 1; i < path.size(); ++i) {
      const double down = path[i].row - path[i - 1].row;
      const double right = path[i].column - path[i - 1].column;
      const double length = std::hypot(down, right);
      double gone = 0;
      for (; length - gone >= left; left = 0.7) {
        gone += left;
        dot(path[i - 1].row + down * gone / length, path[i - 1].column + right * gone / length);
      }
      left -= length - gone;
    }
    dot(path.back().row, path.back().column);
  }
}

Image inked(std::vector<Path> paths) {
  fit(paths);
  Image image{side, side, 1, std::vector<std::uint8_t>(side * side)};
  ink(paths, image);
  return image;
}

/// Maps every point: linear part, then the place of the anchor.
void place(std::vector<Path>& paths, const Point& anchor, const double (&m)[2][2],
           const Point& at) {
  for (Path& path : paths)
    for (Point& p : path) {
      const double r = p.row - anchor.row, c = p.column - anchor.column;
      p = {at.row + m[0][0] * r + m[0][1] * c, at.column + m[1][0] * r + m[1][1] * c};
    }
}

void wobble(Path& path, Random& random) {
  double amount[2][3], phase[2][3];
  for (int axis = 0; axis < 2; ++axis)
    for (int k = 0; k < 3; ++k) {
      amount[axis][k] = random.normal(0, 1.9) / (k + 1);
      phase[axis][k] = random.uniform(0, 2 * std::numbers::pi);
    }
  for (std::size_t i = 0; i < path.size(); ++i) {
    const double t = static_cast<double>(i) / static_cast<double>(path.size() - 1);
    for (int k = 0; k < 3; ++k) {
      const double angle = std::numbers::pi * (k + 1) * t;
      path[i].row += amount[0][k] * std::sin(angle + phase[0][k]);
      path[i].column += amount[1][k] * std::sin(angle + phase[1][k]);
    }
  }
}

std::vector<float> small(const Image& image) {
  static const AreaAverage average(side, 28);
  std::vector<float> out(28 * 28);
  average(image.bytes, 1, out);
  return out;
}

bool alike(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum < too_alike;
}

}  // namespace

struct GeneratedAlphabet::Design {
  Key key;
  strokes::Style style;
  std::vector<strokes::Character> characters;
  std::vector<Frame> frames;

  [[nodiscard]] Image ideal(const strokes::Character& character) const {
    std::vector<Path> paths = strokes::build(style, character, nullptr);
    const Frame f = frame(paths, character);
    place(paths, f.anchor, {{f.scale.row, 0}, {0, f.scale.column}}, middle);
    return inked(std::move(paths));
  }

  /// Null when the alphabet would be lighter or heavier than any real one, unless it must do.
  static std::unique_ptr<const Design> make(Key key, bool any);
};

std::unique_ptr<const GeneratedAlphabet::Design> GeneratedAlphabet::Design::make(Key key,
                                                                                 bool any) {
  auto design = std::make_unique<Design>();
  design->key = key;
  Random random(key.split("style"));
  design->style = strokes::draw_style(random);
  const auto count = static_cast<std::uint64_t>(14 + random.below(39));
  std::vector<std::vector<float>> ideals;
  double ink = 0;
  for (std::uint64_t c = 0; c < count; ++c) {
    for (std::uint64_t attempt = 0;; ++attempt) {
      Random letters(key.split("character", c).split(attempt));
      strokes::Character character = strokes::draw_character(design->style, letters);
      std::vector<float> image = small(design->ideal(character));
      const bool taken = std::any_of(ideals.begin(), ideals.end(),
                                     [&](const auto& other) { return alike(image, other); });
      if (taken && attempt < redraws) continue;
      design->frames.push_back(frame(strokes::build(design->style, character, nullptr), character));
      design->characters.push_back(std::move(character));
      for (const float v : image) ink += v / static_cast<float>(image.size() * count);
      ideals.push_back(std::move(image));
      break;
    }
  }
  return any || (ink >= lightest && ink <= heaviest) ? std::move(design) : nullptr;
}

GeneratedAlphabet::GeneratedAlphabet(std::uint64_t seed, int alphabet) {
  const Key key = Key(seed).split("alphabet", static_cast<std::uint64_t>(alphabet));
  for (std::uint64_t attempt = 0; !design_; ++attempt)
    design_ = Design::make(key.split(attempt), attempt >= redraws);
}

GeneratedAlphabet::~GeneratedAlphabet() = default;
GeneratedAlphabet::GeneratedAlphabet(GeneratedAlphabet&&) noexcept = default;

int GeneratedAlphabet::characters() const { return static_cast<int>(design_->characters.size()); }

Image GeneratedAlphabet::ideal(int character) const {
  return design_->ideal(design_->characters.at(static_cast<std::size_t>(character)));
}

Image GeneratedAlphabet::draw(int character, int drawer) const {
  const auto c = static_cast<std::size_t>(character);
  const auto d = static_cast<std::uint64_t>(drawer);
  Random hand(design_->key.split("drawer", d));
  const strokes::Drawer person = strokes::draw_drawer(hand);
  Random random(design_->key.split("character", c).split("drawing", d));
  std::vector<Path> paths = strokes::build(design_->style, design_->characters.at(c), &random);

  const Frame& f = design_->frames[c];
  const double size = std::exp(person.log_size + random.normal(0, 0.09));
  const double aspect = std::exp(person.log_aspect + random.normal(0, 0.07));
  const double angle = (person.rotation + random.normal(0, 4)) * std::numbers::pi / 180;
  const double shear = person.shear + random.normal(0, 0.05);
  const double tall = f.scale.row * size * aspect, wide = f.scale.column * size / aspect;
  const double cosine = std::cos(angle), sine = std::sin(angle);
  // rotation · shear · stretch, on (row, column)
  const double m[2][2] = {{(cosine - sine * shear) * tall, -sine * wide},
                          {(sine + cosine * shear) * tall, cosine * wide}};
  const Point at{middle.row + person.down + random.normal(0, 5.0),
                 middle.column + person.right + random.normal(0, 5.0)};
  place(paths, f.anchor, m, at);
  for (Path& path : paths) {
    if (paths.size() > 1) {
      const double down = random.normal(0, 2.2), right = random.normal(0, 2.2);
      for (Point& p : path) p = {p.row + down, p.column + right};
    }
    wobble(path, random);
  }
  return inked(std::move(paths));
}

std::shared_ptr<const ImageSet> generate_strokes(const StrokesOptions& options, Threads* threads) {
  for (const auto& [what, value] :
       {std::pair{"alphabets", options.alphabets}, std::pair{"drawers", options.drawers}})
    if (value < 1 || value > 1000)
      throw DataError(fmt::format("strokes: {} {}; 1 to 1000 expected", value, what));
  const auto n = static_cast<std::size_t>(options.alphabets);
  std::vector<std::vector<Image>> drawn(n);
  const auto draw = [&](std::int64_t block, int) {
    const GeneratedAlphabet alphabet(options.seed, static_cast<int>(block));
    for (int c = 0; c < alphabet.characters(); ++c)
      for (int d = 0; d < options.drawers; ++d)
        drawn[static_cast<std::size_t>(block)].push_back(alphabet.draw(c, d));
  };
  ImageSetBuilder builder;
  const int digits = options.alphabets > 999 ? 4 : options.alphabets > 99 ? 3 : 2;
  // A few alphabets at a time, so that unpacked drawings never fill the memory.
  constexpr std::size_t together = 16;
  for (std::size_t first = 0; first < n; first += together) {
    const std::size_t last = std::min(n, first + together);
    const auto one = [&](std::int64_t block, int worker) {
      draw(static_cast<std::int64_t>(first) + block, worker);
    };
    if (threads) {
      threads->run(static_cast<std::int64_t>(last - first), one);
    } else {
      for (std::size_t a = first; a < last; ++a) draw(static_cast<std::int64_t>(a), 0);
    }
    for (std::size_t a = first; a < last; ++a) {
      const std::vector<Image> images = std::move(drawn[a]);
      for (std::size_t i = 0; i < images.size(); ++i)
        builder.add(
            fmt::format("strokes{:0{}}", a + 1, digits),
            fmt::format("character{:02}", i / static_cast<std::size_t>(options.drawers) + 1), "",
            images[i]);
    }
  }
  return builder.finish(fmt::format("strokes (seed {})", options.seed), Ink::light);
}

}  // namespace metatape::tasks

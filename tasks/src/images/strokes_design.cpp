// strokes_design.cpp: drawing styles, characters and drawers, and building a character's strokes.
// The figures were set beside Omniglot's measures (episodes/measures.hpp): of 16 seeds with 20
// alphabets 12 keep to every bound and no measure of the others is far out. What makes an alphabet
// a script is its small pool, its few stems and the concentration (0.5) of its kinds and headings.
#include "strokes_design.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace metatape::tasks::strokes {
namespace {

constexpr int points_a_piece = 24;
constexpr std::array<double, 7> start_headings = {0, 45, 90, 135, 180, 270, 315};

int pick(Random& random, const std::vector<double>& probabilities) {
  double u = random.uniform();
  for (std::size_t i = 0; i + 1 < probabilities.size(); ++i)
    if ((u -= probabilities[i]) < 0) return static_cast<int>(i);
  return static_cast<int>(probabilities.size()) - 1;
}

std::vector<double> dirichlet(Random& random, double total, std::vector<double> mean) {
  for (double& m : mean) m *= total;
  return random.dirichlet(mean);
}

double sign(Random& random) { return random.chance(0.5) ? 1 : -1; }

Primitive draw_primitive(const std::vector<double>& kinds, Random& random) {
  constexpr std::array<double, 4> turns = {0, 90, 180, 300}, lengths = {1, 1.2, 1.5, 1.8};
  Primitive primitive(static_cast<std::size_t>(pick(random, {0.45, 0.35, 0.20})) + 1);
  for (Piece& piece : primitive) {
    const auto kind = static_cast<std::size_t>(pick(random, kinds));
    piece.turn = sign(random) * turns[kind] + random.normal(0, kind == 0 ? 6 : 12);
    piece.length = random.uniform(0.5, 1) * lengths[kind];
    if (&piece != &primitive.front() && !random.chance(0.4))
      piece.corner = sign(random) * random.uniform(60, 135);
  }
  return primitive;
}

double draw_heading(const std::vector<double>& headings, Random& random) {
  return start_headings[static_cast<std::size_t>(pick(random, headings))];
}

Point mean(const Path& path) {
  Point sum;
  for (const Point& p : path) {
    sum.row += p.row;
    sum.column += p.column;
  }
  const double n = static_cast<double>(path.size());
  return {sum.row / n, sum.column / n};
}

/// The path that starts at the origin; heading 0 runs right, 90 down.
Path trace(const Primitive& primitive, double heading, double scale, Random* noise) {
  Path path{{0, 0}};
  for (const Piece& piece : primitive) {
    double length = piece.length * scale, turn = piece.turn, corner = piece.corner;
    if (noise) {
      length *= std::exp(noise->normal(0, 0.07));
      turn = turn * std::exp(noise->normal(0, 0.07)) + noise->normal(0, 4.5);
      if (corner != 0) corner += noise->normal(0, 5);
    }
    heading += corner;
    const double step = length / points_a_piece, bend = turn / points_a_piece;
    for (int i = 0; i < points_a_piece; ++i) {
      const double angle = (heading + bend * (i + 0.5)) * std::numbers::pi / 180;
      path.push_back(
          {path.back().row + step * std::sin(angle), path.back().column + step * std::cos(angle)});
    }
    heading += turn;
  }
  return path;
}

}  // namespace

Style draw_style(Random& random) {
  Style style;
  style.kinds = dirichlet(random, 0.5 * 4, {0.38, 0.27, 0.22, 0.13});
  style.headings = dirichlet(random, 0.5 * 3, {0.24, 0.1, 0.24, 0.08, 0.16, 0.1, 0.08});
  const auto pool = 3 + random.below(4);
  for (std::int64_t i = 0; i < pool; ++i) style.pool.push_back(draw_primitive(style.kinds, random));
  for (int i = 0; i < 3; ++i)
    style.stems.emplace_back(static_cast<int>(random.below(pool)),
                             draw_heading(style.headings, random));
  double total = 0;
  for (const double p : {0.24, 0.36, 0.26, 0.14}) {
    style.stroke_counts.push_back(p * std::exp(random.normal(0, 0.7)));
    total += style.stroke_counts.back();
  }
  for (double& p : style.stroke_counts) p /= total;
  style.log_height = random.normal(4.08, 0.22);
  style.log_width = random.normal(3.96, 0.22);
  return style;
}

Character draw_character(const Style& style, Random& random) {
  Character character;
  character.strokes.resize(static_cast<std::size_t>(pick(random, style.stroke_counts)) + 1);
  for (std::size_t i = 0; i < character.strokes.size(); ++i) {
    Stroke& stroke = character.strokes[i];
    if (i == 0 && random.chance(0.7)) {
      std::tie(stroke.primitive, stroke.heading) =
          style.stems[static_cast<std::size_t>(random.below(3))];
    } else {
      stroke.primitive =
          static_cast<int>(random.below(static_cast<std::int64_t>(style.pool.size())));
      stroke.heading = draw_heading(style.headings, random);
    }
    stroke.heading += random.normal(0, 6);
    if (i == 0) continue;
    stroke.scale = random.uniform(0.55, 1);
    stroke.parent = static_cast<int>(random.below(static_cast<std::int64_t>(i)));
    constexpr std::array<Relation, 4> relations = {Relation::free, Relation::start, Relation::end,
                                                   Relation::along};
    stroke.relation = relations[static_cast<std::size_t>(pick(random, {0.30, 0.14, 0.18, 0.38}))];
    stroke.place = {random.normal(0, 0.6), random.normal(0, 0.6)};
    stroke.fraction = stroke.relation == Relation::start ? 0
                      : stroke.relation == Relation::end ? 1
                                                         : random.uniform(0.2, 0.8);
    stroke.by_middle = !random.chance(0.73);
  }
  character.log_height = style.log_height + random.normal(0, 0.10);
  character.log_width = style.log_width + random.normal(0, 0.10);
  return character;
}

Drawer draw_drawer(Random& random) {
  Drawer drawer;
  drawer.log_size = random.normal(0, 0.08);
  drawer.log_aspect = random.normal(0, 0.05);
  drawer.rotation = random.normal(0, 3);
  drawer.shear = random.normal(0, 0.06);
  drawer.down = random.normal(0, 2.7);
  drawer.right = random.normal(0, 2.7);
  return drawer;
}

std::vector<Path> build(const Style& style, const Character& character, Random* noise) {
  std::vector<Path> paths;
  for (const Stroke& stroke : character.strokes) {
    double heading = stroke.heading, scale = stroke.scale;
    if (noise) {
      heading += noise->normal(0, 3);
      scale *= std::exp(noise->normal(0, 0.05));
    }
    Path path =
        trace(style.pool[static_cast<std::size_t>(stroke.primitive)], heading, scale, noise);
    Point from = mean(path), to = stroke.place;  // first: its mean in the origin
    if (stroke.relation != Relation::first && stroke.relation != Relation::free) {
      const Path& parent = paths[static_cast<std::size_t>(stroke.parent)];
      from = stroke.by_middle ? path[path.size() / 2] : path.front();
      to = parent[static_cast<std::size_t>(
          std::lround(stroke.fraction * static_cast<double>(parent.size() - 1)))];
    }
    for (Point& p : path) {
      p.row += to.row - from.row;
      p.column += to.column - from.column;
    }
    paths.push_back(std::move(path));
  }
  return paths;
}

}  // namespace metatape::tasks::strokes

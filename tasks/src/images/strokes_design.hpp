// strokes_design.hpp: what a generated alphabet is made of, before any ink.
// Lengths are in units of 1 until a drawing is stretched to its box in pixels; angles in degrees.
#pragma once

#include <vector>

#include "metatape/autodiff/random.hpp"

namespace metatape::tasks::strokes {

struct Point {
  double row = 0, column = 0;
};
using Path = std::vector<Point>;

/// A piece of a turning programme: a length along which the heading turns evenly, after a corner.
struct Piece {
  double length = 1, turn = 0, corner = 0;
};

/// A stroke shape: 1 to 3 pieces.
using Primitive = std::vector<Piece>;

enum class Relation { first, free, start, end, along };

struct Stroke {
  int primitive = 0;
  double heading = 0, scale = 1;
  Relation relation = Relation::first;
  int parent = 0;          ///< an earlier stroke
  double fraction = 0;     ///< along the parent
  bool by_middle = false;  ///< touches with its middle instead of its first point
  Point place;             ///< of a free stroke: where its mean lies
};

struct Character {
  std::vector<Stroke> strokes;
  double log_height = 0, log_width = 0;
};

struct Drawer {
  double log_size = 0, log_aspect = 0, rotation = 0, shear = 0, down = 0, right = 0;
};

/// The style of an alphabet.
struct Style {
  std::vector<double> kinds, headings;  ///< probabilities
  std::vector<Primitive> pool;
  std::vector<std::pair<int, double>> stems;  ///< primitive, heading
  std::vector<double> stroke_counts;          ///< probabilities of 1..4
  double log_height = 0, log_width = 0;
};

Style draw_style(Random& random);
Character draw_character(const Style& style, Random& random);
Drawer draw_drawer(Random& random);

/// The strokes of a character in units; with `noise`, every part is disturbed.
std::vector<Path> build(const Style& style, const Character& character, Random* noise);

}  // namespace metatape::tasks::strokes

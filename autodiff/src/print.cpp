// print.cpp: a tape for people to read, as text and as a Graphviz digraph.
#include <string>

#include "metatape/autodiff/detail/state.hpp"
#include "metatape/autodiff/tape.hpp"

namespace metatape {

namespace {

using detail::Node;

std::string bytes_of(const Node& n) {
  return n.aliases ? "shared" : std::to_string(n.value_bytes()) + " B";
}

std::string time_of(const detail::TapeState& s, std::uint32_t index) {
  if (!s.options.timed) return {};
  const std::string us = std::to_string(s.microseconds[index]);
  return "  " + us.substr(0, us.find('.') + 3) + " us";
}

}  // namespace

std::string Tape::text() const {
  std::string out;
  for (std::uint32_t i = 0; i < state_->count; ++i) {
    const Node& n = state_->node(i);
    out += "%" + std::to_string(i) + " = " + n.name + "(";
    for (std::uint32_t k = 0; k < n.arity; ++k)
      out += (k > 0 ? ", %" : "%") + std::to_string(n.inputs[k]);
    out += std::string(")  ") + name(n.dtype) + to_string(n.shape) + "  " + bytes_of(n) +
           time_of(*state_, i) + (n.differentiable ? "" : "  constant") + "\n";
  }
  return out;
}

std::string Tape::dot() const {
  std::string out = "digraph tape {\n  rankdir = TB;\n  node [shape = box, fontsize = 10];\n";
  for (std::uint32_t i = 0; i < state_->count; ++i) {
    const Node& n = state_->node(i);
    const std::string id = "n" + std::to_string(i);
    out += "  " + id + " [label = \"" + n.name + "\\n" + name(n.dtype) + to_string(n.shape) +
           "\\n" + bytes_of(n) + time_of(*state_, i) + "\"" +
           (n.differentiable ? "" : ", style = dashed") + "];\n";
    for (std::uint32_t k = 0; k < n.arity; ++k)
      out += "  n" + std::to_string(n.inputs[k]) + " -> " + id + ";\n";
  }
  return out + "}\n";
}

}  // namespace metatape

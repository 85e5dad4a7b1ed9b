#include "counts.hpp"

#include <algorithm>
#include <cmath>

namespace bench {

namespace {

double real(std::int64_t n) { return static_cast<double>(n); }

// y = W x for `columns` columns: a multiplication and an addition for each weight and column. Each
// of the two products of its pullback, Wᵀ g and g xᵀ, has as many.
double product(std::int64_t rows, std::int64_t k, double columns) {
  return 2 * real(rows) * real(k) * columns;
}

// ---- W1 to W3

// The optimizer on n coordinates for T steps. Where in = 2 and hidden = 20, and per coordinate and
// step: forward 80 x (2 + 20) + 80 x (20 + 20) + 1 x 20 weights; the weights' gradients the same;
// back to h and to the layer below 3 times 80 x 20, and 20.
Counts window_counts(const Window& w, std::int64_t parameters, const Machine& machine) {
  Counts c;
  const double n = real(parameters) * real(w.steps);
  const std::int64_t gates = 4 * w.hidden;
  for (std::int64_t l = 0; l < w.layers; ++l) {
    const std::int64_t in = l == 0 ? Window::in : w.hidden;
    c.flop += 2 * product(gates, in + w.hidden, n);         // forward, weights' gradients
    c.flop += product(gates, w.hidden, n);                  // back to h of the step before
    if (l > 0 || w.exact) c.flop += product(gates, in, n);  // back to what the layer sees
    c.transcendentals += 5 * real(w.hidden) * n;            // i, f, o, g and tanh c
  }
  c.flop += 3 * product(1, w.layers > 0 ? w.hidden : Window::in, n);  // the output
  c.transcendentals += n;                                             // log |g|

  // h and c of every layer go round once a step: all coordinates have to be stepped before the next
  // gradient exists. Second order comes back to each step's state, so all of them are kept; a pass
  // back without it makes a block's states again in the first cache.
  const double state = 2 * real(w.layers * w.hidden) * real(parameters) * machine.word();
  const double row = real(parameters) * machine.word();
  const double steps = real(w.steps);
  c.bytes = 2 * steps * state;
  c.resident = w.exact ? steps * (state + 2 * row) : state + row;
  // Gradients are written and, in the pass back, read; in second order so is θ.
  c.bytes += 2 * steps * row * (w.exact ? 2 : 1);
  return c;
}

}  // namespace

Counts counts_of(const Window& window, const Mlp& mlp, const Machine& machine) {
  Counts c = window_counts(window, mlp.parameters(), machine);
  const double batch = real(mlp.batch);
  // f and its gradient at θ_0 .. θ_T: two layers forward, their weights' gradients, and back to the
  // hidden layer alone.
  const double forward = product(mlp.width, mlp.in, batch) + product(mlp.classes, mlp.width, batch);
  const double evaluation = 2 * forward + product(mlp.classes, mlp.width, batch);
  const double evaluations = real(window.steps) + 1;
  c.flop += evaluations * evaluation;
  // A Hessian-vector product a step, twice a gradient.
  if (window.exact) c.flop += real(window.steps) * 2 * evaluation;
  // Sigmoids; the softmax's exponentials and a logarithm a row.
  c.transcendentals += evaluations * batch * (real(mlp.width) + real(mlp.classes) + 1);
  c.bytes += evaluations * batch * real(mlp.in) * machine.word();  // the images, once a step
  c.least_flop = c.flop;
  return c;
}

Counts counts_of(const Window& window, const Quadratics& q, const Machine& machine) {
  Counts c = window_counts(window, q.parameters(), machine);
  // W θ - y, and Wᵀ times twice that.
  c.flop += (real(window.steps) + 1) * 2 * product(q.dim, q.dim, real(q.functions));
  c.least_flop = c.flop;
  return c;
}

double window_kept(const Window& window, std::int64_t parameters, const Machine& machine) {
  return machine.word() * real(parameters) *
         (real(window.steps) + 6 * real(window.layers * window.hidden));
}

// ---- W4

namespace {

// One image forward and back, without the gradient of the image itself.
Counts image_counts(const Conv4& net, const Machine& machine) {
  Counts c;
  std::int64_t in = 1, side = net.side;
  double kept = 0;
  for (int b = 0; b < net.blocks; ++b, in = net.filters, side /= 2) {
    const double pixels = real(side * side), passes = b == 0 ? 2 : 3;  // y, dW, but for b = 0 dx
    c.flop += passes * product(net.filters, 9 * in, pixels);
    // Winograd's F(2x2, 3x3): 16 multiplications for 4 pixels, a channel and a filter, where the
    // sum over taps makes 36; tiles that reach over the edge are whole ones. Its transforms have
    // additions alone.
    const std::int64_t tiles = ((side + 1) / 2) * ((side + 1) / 2);
    const double by_tiles = product(net.filters, in, real(16 * tiles));
    c.least_flop +=
        passes * (machine.winograd ? std::min(by_tiles, product(net.filters, 9 * in, pixels))
                                   : product(net.filters, 9 * in, pixels));
    // The convolution's output is written, and read when the batch's statistics are known and twice
    // on the way back (the sums that the norm's gradient needs, then the gradient); the pooled one
    // is written, and read by the next convolution and by its weights' gradient. Cotangents are
    // made and used image by image.
    const double output = pixels * real(net.filters) * machine.word();
    const double pooled = real((side / 2) * (side / 2) * net.filters) * machine.word();
    c.bytes += 4 * output + 3 * pooled;
    kept += output + pooled;
  }
  c.bytes += 2 * real(net.side * net.side) * machine.word();  // the image: y and dW of block 0
  c.resident = kept;
  return c;
}

Counts times(const Counts& one, double n) {
  Counts c = one;
  c.flop *= n;
  c.least_flop *= n;
  c.transcendentals *= n;
  c.bytes *= n;
  c.resident *= n;
  return c;
}

}  // namespace

// Distances and the softmax of an episode are left out: 64 multiplications where an image has 29
// million, and an exponential a query and class.
Counts counts_of(const Conv4& net, const Episode& episode, const Machine& machine) {
  return times(image_counts(net, machine), real(episode.images()));
}

// The linear head is left out: 320 multiplications an image.
Counts counts_of(const Conv4& net, const Adaptation& a, const Machine& machine) {
  const Counts one = image_counts(net, machine);
  // An inner step of second order counts three times: itself, and twice for its product with the
  // second derivative.
  const double support = real(a.episode.support()), query = real(a.episode.query());
  const double passes = real(a.steps) * support * (a.exact ? 3 : 1) + query;
  Counts c = times(one, real(a.tasks) * passes);
  c.resident = one.resident * ((a.exact ? real(a.steps) * support : 0) + query);
  c.parallel = a.tasks;
  return c;
}

// ---- W5, W6

Counts counts_of(const Chain& chain, const Machine& machine) {
  Counts c;
  const double rounds = real(chain.rounds), columns = real(chain.columns());
  c.flop = 3 * product(4, 4, columns) * rounds;  // W x, Wᵀ g, g xᵀ
  c.least_flop = c.flop;
  c.transcendentals = 4 * columns * rounds;
  c.resident = 4 * rounds * 4 * columns * machine.word();  // the value of each op
  c.bytes = 2 * c.resident;                                // written, and read on the way back
  return c;
}

Counts counts_of(const PlainLstm& s, const Machine& machine) {
  Counts c;
  const std::int64_t gates = 4 * s.hidden;
  const double rows = real(s.steps) * real(s.batch), words = rows * machine.word();
  c.flop = product(gates, s.in + s.hidden, rows)                       // gates
           + product(gates, s.in + s.hidden, rows)                     // the weights' gradients
           + product(gates, s.hidden, real((s.steps - 1) * s.batch));  // back to h, but before the
                                                                       // first step
  c.least_flop = c.flop;
  c.transcendentals = 5 * real(s.hidden) * rows;
  // Gates, c and h of each step are written, and read on the way back; x is read both ways, the
  // outputs' factors once. The weights, read at each step, stay in a cache.
  c.resident = (6 * real(s.hidden) + real(s.in)) * words;
  c.bytes = (2 * 6 * real(s.hidden) + 2 * real(s.in) + real(s.hidden)) * words;
  return c;
}

Machine this_machine(metatape::DType dtype) {
  return {.dtype = dtype,
          .winograd = dtype == metatape::DType::f32 && metatape::simd_name() != "plain"};
}

}  // namespace bench

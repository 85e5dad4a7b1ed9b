// 00_tape_from_nothing: reverse-mode differentiation in a hundred lines, without the library.
//
// A computation is a list of records in the order they were made. Each holds its value and, for
// each of the one or two records that it was made from, the local slope. Going back through the
// list once, each record hands its adjoint (how much the result changes when it changes) to those
// it was made from, times the slope. That is all of backpropagation; the library adds arrays,
// memory that is used again, and rules that are themselves recorded.
#include <cmath>
#include <cstdio>
#include <vector>

struct Record {
  double value = 0;
  int from[2] = {-1, -1};    // positions of the records that it was made from
  double slope[2] = {0, 0};  // d(value) / d(value of that record)
};

struct Tape {
  std::vector<Record> records;
};

struct Var {  // a handle: which record of which tape
  Tape* tape;
  int at;
  [[nodiscard]] double value() const { return tape->records[static_cast<std::size_t>(at)].value; }
};

Var variable(Tape& tape, double value) {
  tape.records.push_back({.value = value});
  return {&tape, static_cast<int>(tape.records.size()) - 1};
}

Var record(double value, Var a, double slope_a) {
  const Var y = variable(*a.tape, value);
  Record& r = a.tape->records.back();
  r.from[0] = a.at;
  r.slope[0] = slope_a;
  return y;
}

Var record(double value, Var a, double slope_a, Var b, double slope_b) {
  const Var y = record(value, a, slope_a);
  Record& r = a.tape->records.back();
  r.from[1] = b.at;
  r.slope[1] = slope_b;
  return y;
}

// Every op says its value and its slopes.
Var operator+(Var a, Var b) { return record(a.value() + b.value(), a, 1, b, 1); }
Var operator-(Var a, Var b) { return record(a.value() - b.value(), a, 1, b, -1); }
Var operator*(Var a, Var b) { return record(a.value() * b.value(), a, b.value(), b, a.value()); }
Var tanh(Var x) {
  const double y = std::tanh(x.value());
  return record(y, x, 1 - y * y);
}

// d(loss) / d(every record), by one walk back.
std::vector<double> adjoints(Var loss) {
  const std::vector<Record>& records = loss.tape->records;
  std::vector<double> adjoint(records.size(), 0.0);
  adjoint[static_cast<std::size_t>(loss.at)] = 1;
  for (auto i = static_cast<std::size_t>(loss.at) + 1; i-- > 0;)
    for (int k = 0; k < 2; ++k)
      if (records[i].from[k] >= 0)
        adjoint[static_cast<std::size_t>(records[i].from[k])] += adjoint[i] * records[i].slope[k];
  return adjoint;
}

int main() {
  // Fit y = tanh(w x + b) to one point, x = 0.5, y = 0.8, by gradient descent.
  double w = 0, b = 0, loss_value = 0;
  for (int step = 0; step < 200; ++step) {
    Tape tape;
    const Var vw = variable(tape, w), vb = variable(tape, b);
    const Var x = variable(tape, 0.5), y = variable(tape, 0.8);
    const Var error = tanh(vw * x + vb) - y;
    const Var loss = error * error;
    const std::vector<double> g = adjoints(loss);
    w -= 0.5 * g[static_cast<std::size_t>(vw.at)];
    b -= 0.5 * g[static_cast<std::size_t>(vb.at)];
    loss_value = loss.value();
  }
  std::printf("tanh(0.5 w + b) = %.4f, loss below 1e-9: %s\n", std::tanh(0.5 * w + b),
              loss_value < 1e-9 ? "yes" : "no");
}
// prints: tanh(0.5 w + b) = 0.8000, loss below 1e-9: yes

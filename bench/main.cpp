// metatape-bench: times one workload and prints what it came to. One process, one workload: run
// processes of several programs in turn to compare them.
#include <cmath>
#include <cstdio>
#include <exception>

#include "measure.hpp"
#include "workloads.hpp"

namespace {

int run(const bench::Options& o) {
  using namespace metatape;
  Threads threads(o.threads);
  const bench::Workload work = bench::make_workload(o.workload, o.wide ? DType::f64 : DType::f32);
  Tape tape({.threads = &threads});
  const double before = bench::peak_mib();
  bench::Outcome outcome;
  const bench::Timing t = bench::timed(o, [&] {
    outcome = work.step(tape);
    tape.clear();
  });
  double square = 0;
  for (const Tensor& g : outcome.gradients)
    for (const double v : g.to_vector()) square += v * v;
  bench::report("metatape " METATAPE_VERSION, o, t, outcome.loss, std::sqrt(square), work.flop,
                work.ops, before);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(bench::parse(argc, argv));
  } catch (const bench::Usage& error) {
    std::fprintf(stderr, "metatape-bench: %s\n", error.what());
    return 2;
  } catch (const metatape::DataError& error) {
    std::fprintf(stderr, "metatape-bench: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "metatape-bench: %s\n", error.what());
    return 1;
  }
}

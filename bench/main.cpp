// metatape-bench: times workloads and prints what they came to; with --peer beside another program,
// with --floors beside what the machine could do, with --scale along a size; these three in
// processes of their own.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <optional>

#include "beside.hpp"
#include "console.hpp"
#include "floors.hpp"
#include "measure.hpp"
#include "metatape/autodiff/machine.hpp"
#include "profile_report.hpp"
#include "scale.hpp"
#include "workloads.hpp"

namespace {

int run(const bench::Options& o) {
  using namespace metatape;
  const SubnormalsAsZero quick;  // as a Trainer has it: adjoints fade over long windows
  Threads threads(o.threads);
  const bench::Workload work = bench::find_workload(o.workload, o.wide ? DType::f64 : DType::f32);
  const bench::Step step = work.prepare();
  std::optional<ProfileAll> profile;
  if (o.profile) profile.emplace();
  Tape tape({.threads = &threads});
  const bench::Memory before = bench::peak_memory();
  bench::Outcome outcome;
  const bench::Timing t = bench::timed(o, [&] {
    outcome = step(tape);
    tape.clear();
  });
  double square = 0;
  for (const Tensor& g : outcome.gradients)
    for (const double v : g.to_vector()) square += v * v;
  bench::report("metatape " METATAPE_VERSION, o, t, outcome.loss, std::sqrt(square),
                work.counts.flop, work.ops, before);
  if (profile) {
    cli::Console console({.silent_output = o.json});
    const cli::Json ops = cli::profile_report(profile->gathered(), console);
    if (o.json)
      console.print_raw(cli::json_text(cli::Json{{"workload", o.workload}, {"profile", ops}}));
  }
  return 0;
}

// "W1,W4a:way=20" or "all", each known.
std::vector<std::string> workloads_of(const std::string& list) {
  if (list == "all") return bench::workload_names();
  std::vector<std::string> names;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    names.push_back(list.substr(at, end - at));
    bench::find_workload(names.back(), metatape::DType::f32);
    at = end + 1;
  }
  return names;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const bench::Options o = bench::parse(argc, argv);
    if (!o.scale.empty()) return bench::run_scale(o) ? 0 : 1;
    if (o.floors) return bench::run_floors(o, workloads_of(o.workload)) ? 0 : 1;
    if (!o.peer.empty()) return bench::run_beside(o, workloads_of(o.workload)) ? 0 : 1;
    int code = 0;
    for (const std::string& name : workloads_of(o.workload)) {
      bench::Options one = o;
      one.workload = name;
      code = std::max(code, run(one));
    }
    return code;
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

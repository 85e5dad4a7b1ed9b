#include "beside.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include "metatape/autodiff/machine.hpp"
#include "process.hpp"

namespace bench {

namespace {

struct Setting {
  std::string name;
  Environment environment;
  bool blas_chosen = false;  // OpenBLAS's kernels by us, not by itself
};

// glibc's own switches: they work for any program without its help.
const Environment keep = {{"MALLOC_MMAP_MAX_", "0"},
                          {"MALLOC_TRIM_THRESHOLD_", "4000000000"},
                          {"MALLOC_TOP_PAD_", "67108864"}};

// Adds each setting once more, with a variable set.
void vary(std::vector<Setting>& all, const std::string& how, const char* name, const char* value,
          bool blas = false) {
  for (const Setting& s : std::vector<Setting>(all)) {
    Setting other{s.name + ", " + how, s.environment, blas};
    other.environment.emplace_back(name, value);
    all.push_back(std::move(other));
  }
}

std::vector<Setting> settings(int threads) {
  std::vector<Setting> all = {{"pages kept", keep}, {"pages given back", {}}};
  if (threads > 1) vary(all, "passive", "OMP_WAIT_POLICY", "passive");
  // An OpenBLAS older than the processor may take it for one of twenty years ago. Who has chosen
  // kernels for it is not contradicted.
  const char* core = "OPENBLAS_CORETYPE";
  if (!std::getenv(core) && metatape::simd_name() != "plain") {
    const char* value = metatape::simd_name() == "avx512" ? "SkylakeX" : "Haswell";
    vary(all, std::string("BLAS as for ") + value, core, value, true);
  }
  return all;
}

double median(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  const std::size_t half = x.size() / 2;
  return x.size() % 2 ? x[half] : (x[half - 1] + x[half]) / 2;
}

// One program under one setting.
struct Runs {
  std::vector<double> ms{};
  int repeat = 0;     // steps of a process, once the first has shown how long they take
  bool left = false;  // it was clearly not the best
  double loss = 0, norm = 0;

  bool add(const std::string& program, const std::string& workload, Options o,
           const Environment& environment) {
    // ms. What the machine does besides comes in spells of milliseconds, which must not decide over
    // steps of microseconds.
    constexpr double enough = 250;
    if (repeat > 0) o.repeat = repeat;
    const std::optional<std::string> text = output_of(measuring(program, workload, o), environment);
    if (!text) return false;
    const double found = field(*text, "ms");
    if (!std::isfinite(found) || found <= 0) return false;
    if (repeat == 0) {
      repeat = std::max(o.repeat, static_cast<int>(std::ceil(enough / found)));
      if (repeat > o.repeat) return add(program, workload, o, environment);
    }
    ms.push_back(found);
    loss = field(*text, "loss");
    norm = field(*text, "grad_norm");
    return true;
  }
};

// The setting of the least median, of all or of those whose BLAS chose its kernels itself.
std::size_t best_of(const std::vector<Setting>& tried, const std::vector<Runs>& runs,
                    bool any_blas) {
  std::size_t best = 0;  // is as it comes
  for (std::size_t i = 1; i < runs.size(); ++i)
    if (!runs[i].left && (any_blas || !tried[i].blas_chosen) &&
        (runs[best].left || median(runs[i].ms) < median(runs[best].ms)))
      best = i;
  return best;
}

// There are up to eight settings: after the first round those go on that may still be the best.
void leave_the_slow(const std::vector<Setting>& tried, std::vector<Runs>& runs) {
  const double least = runs[best_of(tried, runs, true)].ms.front();
  const double as_it_comes = runs[best_of(tried, runs, false)].ms.front();
  for (std::size_t i = 0; i < runs.size(); ++i)
    runs[i].left = runs[i].ms.front() > 1.25 * (tried[i].blas_chosen ? least : as_it_comes);
}

bool near(double a, double b) {
  return std::abs(a - b) <= 2e-4 * std::max(std::abs(a), std::abs(b));
}

}  // namespace

bool run_beside(const Options& o, const std::vector<std::string>& workloads) {
  bool sound = true;
  for (const std::string& workload : workloads) {
    Runs ours;
    const std::vector<Setting> tried = settings(o.threads);
    std::vector<Runs> theirs(tried.size());
    const Environment counts = {{"OMP_NUM_THREADS", std::to_string(o.threads)}};
    bool ran = true;
    for (int round = 0; ran && round < o.rounds; ++round) {
      ran = ours.add(this_program, workload, o, {});
      for (std::size_t i = 0; ran && i < tried.size(); ++i) {
        if (theirs[i].left) continue;
        Environment environment = tried[i].environment;
        environment.insert(environment.end(), counts.begin(), counts.end());
        ran = theirs[i].add(o.peer, workload, o, environment);
      }
      if (ran && round == 0) leave_the_slow(tried, theirs);
    }
    if (!ran) {
      std::fprintf(stderr, "metatape-bench: %s: a process of %s failed\n", workload.c_str(),
                   ours.ms.empty() ? "this program" : o.peer.c_str());
      sound = false;
      continue;
    }
    const std::size_t best = best_of(tried, theirs, true);
    const double as_it_comes = median(theirs[best_of(tried, theirs, false)].ms);
    const double x = median(ours.ms), y = median(theirs[best].ms);
    const bool agree = near(ours.loss, theirs[best].loss) && near(ours.norm, theirs[best].norm);
    sound = sound && agree;
    std::printf(
        o.json ? "{\"workload\": \"%s\", \"threads\": %d, \"dtype\": \"%s\", \"ms\": %.4g, "
                 "\"peer_ms\": %.4g, \"ratio\": %.3g, \"peer_setting\": \"%s\", "
                 "\"ratio_blas_as_it_comes\": %.3g, "
                 "\"agree\": %s, \"loss\": %.9g, \"peer_loss\": %.9g, \"grad_norm\": %.9g, "
                 "\"peer_grad_norm\": %.9g}\n"
               : "%-6s %d thread(s), %s: %8.4g ms, peer %8.4g ms, ratio %.3g (%s; with BLAS as "
                 "it comes %.3g); check values agree: %s: loss %.9g %.9g, norm %.9g "
                 "%.9g\n",
        workload.c_str(), o.threads, o.wide ? "f64" : "f32", x, y, y / x, tried[best].name.c_str(),
        as_it_comes / x, agree ? (o.json ? "true" : "yes") : (o.json ? "false" : "NO"), ours.loss,
        theirs[best].loss, ours.norm, theirs[best].norm);
    std::fflush(stdout);
  }
  return sound;
}

}  // namespace bench

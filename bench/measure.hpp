// measure.hpp: options, the timed loop and the line that is printed, shared by metatape-bench and
// the peer, so that both measure alike.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {

struct Options {
  std::string workload;
  int threads = 1;
  int repeat = 20;
  int warmup = 1;
  bool json = false;
  bool wide = false;  // float64
  // metatape-bench alone knows these.
  std::string peer{};    // a program to be timed beside this one
  int rounds = 3;        // processes of each
  bool profile = false;  // time and bytes by op
  bool floors = false;   // beside what the machine could do
  std::string scale{};   // along which axis
  int least = 0;         // only the axis' points from there
  int most = 0;          // and up to there; 0: all
  std::string out{};     // the folder that figures go to
};

struct Usage : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

inline int whole_number(const std::string& flag, const char* text, int least) {
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (end == text || *end != '\0' || value < least || value > 100000000)
    throw Usage(flag + ": '" + text + "' is not a whole number of at least " +
                std::to_string(least));
  return static_cast<int>(value);
}

/// Throws Usage with one line that says what was not understood.
inline Options parse(int argc, char** argv) {
  Options o;
  bool repeats = false;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--json" || flag == "--floors" || flag == "--profile") {
      (flag == "--json" ? o.json : flag == "--floors" ? o.floors : o.profile) = true;
      continue;
    }
    constexpr const char* with_value[] = {"--workload", "--threads", "--repeat", "--warmup",
                                          "--dtype",    "--peer",    "--rounds", "--scale",
                                          "--least",    "--most",    "--out"};
    if (std::find(std::begin(with_value), std::end(with_value), flag) == std::end(with_value))
      throw Usage(
          flag +
          ": unknown option; --workload, --threads, --repeat, --warmup, --dtype, --json, "
          "--peer, --rounds, --profile, --floors, --scale, --least, --most and --out exist");
    if (i + 1 >= argc) throw Usage(flag + ": its value is missing");
    const char* value = argv[++i];
    if (flag == "--workload") o.workload = value;
    if (flag == "--threads") o.threads = whole_number(flag, value, 1);
    if (flag == "--peer") {
      o.peer = value;
      if (::access(value, X_OK) != 0)
        throw Usage("--peer " + o.peer + ": there is no program that can be run");
    }
    if (flag == "--rounds") o.rounds = whole_number(flag, value, 1);
    if (flag == "--repeat") o.repeat = whole_number(flag, value, 1), repeats = true;
    if (flag == "--warmup") o.warmup = whole_number(flag, value, 0);
    if (flag == "--scale") o.scale = value;
    if (flag == "--least") o.least = whole_number(flag, value, 1);
    if (flag == "--most") o.most = whole_number(flag, value, 1);
    if (flag == "--out") o.out = value;
    if (flag == "--dtype") {
      o.wide = std::string(value) == "f64";
      if (!o.wide && std::string(value) != "f32")
        throw Usage("--dtype " + std::string(value) + ": f32 or f64 is expected");
    }
  }
  if (!repeats && !o.scale.empty()) o.repeat = 5;
  if (o.workload.empty() && o.floors) o.workload = "all";
  if (o.workload.empty() && o.scale.empty()) throw Usage("--workload is missing");
  return o;
}

/// MiB of a field of /proc/self/status; 0 where the system does not say.
inline double status_mib(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (double kib = 0; word == name + ":" && status >> kib) return kib / 1024;
  return 0;
}
/// The most memory this process ever held, in MiB.
struct Memory {
  double all = 0;
  double own = 0;  ///< without pages of files, which come in as code is first run
};
inline Memory peak_memory() {
  const double peak = status_mib("VmHWM");
  return {peak, peak - status_mib("RssFile")};
}

inline long page_faults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

struct Timing {
  double median = 0, least = 0, most = 0;  // ms
  double faults_per_step = 0;
};

template <class Step>
Timing timed(const Options& o, const Step& step) {
  using Clock = std::chrono::steady_clock;
  // A step of microseconds is over before the processor has come to its speed.
  constexpr std::chrono::milliseconds warm{50};
  const auto began = Clock::now();
  for (int i = 0; i < o.warmup || (o.warmup > 0 && Clock::now() - began < warm); ++i) step();
  std::vector<double> ms;
  const long faults = page_faults();
  for (int i = 0; i < o.repeat; ++i) {
    const auto start = Clock::now();
    step();
    const std::chrono::duration<double, std::milli> spent = Clock::now() - start;
    ms.push_back(spent.count());
  }
  Timing t;
  t.faults_per_step = static_cast<double>(page_faults() - faults) / o.repeat;
  std::sort(ms.begin(), ms.end());
  const std::size_t half = ms.size() / 2;
  t.median = ms.size() % 2 ? ms[half] : (ms[half - 1] + ms[half]) / 2;
  t.least = ms.front();
  t.most = ms.back();
  return t;
}

inline void report(const char* program, const Options& o, const Timing& t, double loss, double norm,
                   double flop, double ops, const Memory& before) {
  if (!o.json) {
    std::printf(
        "%s: %d thread(s), median %.4g ms of %d (%.4g to %.4g), loss %.9g, "
        "gradient norm %.9g\n",
        o.workload.c_str(), o.threads, t.median, o.repeat, t.least, t.most, loss, norm);
    return;
  }
  const Memory now = peak_memory();
  std::printf(
      "{\"program\": \"%s\", \"workload\": \"%s\", \"threads\": %d, \"dtype\": \"%s\", "
      "\"repeat\": %d, \"ms\": %.4g, \"ms_min\": %.4g, \"ms_max\": %.4g, \"loss\": %.9g, "
      "\"grad_norm\": %.9g, \"gflop\": %.5g, \"gflop_per_s\": %.4g, \"ns_per_op\": %.5g, "
      "\"peak_mib\": %.1f, \"peak_before_mib\": %.1f, \"taken_mib\": %.2f, "
      "\"faults_per_step\": %.0f}\n",
      program, o.workload.c_str(), o.threads, o.wide ? "f64" : "f32", o.repeat, t.median, t.least,
      t.most, loss, norm, flop * 1e-9, flop * 1e-6 / t.median, ops > 0 ? t.median * 1e6 / ops : 0.0,
      now.all, before.all, now.own - before.own, t.faults_per_step);
}

}  // namespace bench

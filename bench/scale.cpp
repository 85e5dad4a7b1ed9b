#include "scale.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include "console.hpp"
#include "figure.hpp"
#include "process.hpp"
#include "report.hpp"
#include "workloads.hpp"

namespace bench {

using namespace metatape;
using cli::Json;

namespace {

double real(std::int64_t n) { return static_cast<double>(n); }

Machine machine_of(const Options& o) { return this_machine(o.wide ? DType::f64 : DType::f32); }

// W1 with another optimizee, optimizer or length, whose memory is stated.
Point window_point(const Options& o, std::int64_t value, const std::string& sizes,
                   const Window& window, const Mlp& mlp) {
  const double kept = window_kept(window, mlp.parameters(), machine_of(o));
  return {.value = value, .workload = "W1:" + sizes, .threads = o.threads, .kept = kept};
}

Axis parameters(const Options& o) {
  Axis axis{.label = "parameters", .each = "ns a parameter and step", .curves = {{}}};
  // 805 to ten million: widths of the MLP's hidden layer, about half a decade apart.
  for (const std::int64_t width : {1, 4, 13, 40, 126, 400, 1258, 3979, 12579}) {
    const Window window;
    const Mlp mlp{.width = width};
    Point p = window_point(o, mlp.parameters(), fmt::format("width={}", width), window, mlp);
    p.share = 1e-6 * real(mlp.parameters() * window.steps);
    axis.curves[0].push_back(p);
  }
  return axis;
}

Axis hidden(const Options& o) {
  Axis axis{
      .label = "hidden units a layer", .each = "ns a weight, coordinate and step", .curves = {{}}};
  for (const std::int64_t units : {4, 8, 16, 20, 32, 64, 128}) {
    const Window window{.hidden = units};
    Point p = window_point(o, units, fmt::format("hidden={}", units), window, {});
    const std::int64_t weights = 4 * units * (Window::in + 3 * units) + units;
    p.share = 1e-6 * real(weights * Mlp{}.parameters() * window.steps);
    axis.curves[0].push_back(p);
  }
  return axis;
}

Axis unroll(const Options& o) {
  Axis axis{.label = "steps of the window", .each = "ms a step", .curves = {{}}};
  for (const std::int64_t steps : {10, 20, 50, 100, 200, 500, 1000}) {
    const Window window{.steps = steps};
    Point p = window_point(o, steps, fmt::format("steps={}", steps), window, {});
    p.share = real(steps);
    axis.curves[0].push_back(p);
  }
  return axis;
}

Point episode_point(const Options& o, std::int64_t value, const Episode& e) {
  return {.value = value,
          .workload = fmt::format("W4a:way={}:shot={}", e.way, e.shot),
          .threads = o.threads,
          .share = real(e.images())};
}

Axis way(const Options& o) {
  Axis axis{.label = "classes of an episode, 1 shot", .each = "ms an image", .curves = {{}}};
  for (const std::int64_t n : {2, 5, 10, 20, 40, 60})
    axis.curves[0].push_back(episode_point(o, n, {.way = n, .shot = 1}));
  return axis;
}

Axis shot(const Options& o) {
  Axis axis{.label = "shots of a 5-way episode", .each = "ms an image", .curves = {{}}};
  for (const std::int64_t n : {1, 2, 5, 10, 20})
    axis.curves[0].push_back(episode_point(o, n, {.way = 5, .shot = n}));
  return axis;
}

// `each` becomes the speed-up once the time on one thread is known.
Axis threads(const Options&) {
  Axis axis{.label = "threads", .each = "times as fast as on one", .log = false};
  for (const char* workload : {"W1", "W4a20", "W4c1", "W6"}) {
    axis.curves.emplace_back();
    for (int n = 1; n <= 4; ++n)
      axis.curves.back().push_back({.value = n, .workload = workload, .threads = n});
  }
  return axis;
}

struct Named {
  const char* name;
  Axis (*make)(const Options&);
};
constexpr Named axes[] = {{"parameters", parameters},
                          {"hidden", hidden},
                          {"unroll", unroll},
                          {"way", way},
                          {"shot", shot},
                          {"threads", threads}};

// Bytes that can be had without anything being given up; infinite where the system does not say.
double available_bytes() {
  std::ifstream info("/proc/meminfo");
  for (std::string word; info >> word;)
    if (double kib = 0; word == "MemAvailable:" && info >> kib) return kib * 1024;
  return std::numeric_limits<double>::infinity();
}

struct Result {
  double ms = 0, each = 0, gflop_per_s = 0, mib = 0;
};

// Nothing where the process failed.
std::optional<Result> measured(const Options& o, const Point& p) {
  // A step that takes seconds is measured once.
  constexpr double quick = 20e9;
  const double flop = find_workload(p.workload, machine_of(o).dtype).counts.flop;
  Options one = o;
  one.threads = p.threads;
  one.repeat = std::clamp(static_cast<int>(o.repeat * quick / flop), 1, o.repeat);
  const auto text = output_of(measuring(this_program, p.workload, one));
  if (!text) return std::nullopt;
  const double ms = field(*text, "ms");
  return Result{.ms = ms,
                .each = ms / p.share,
                .gflop_per_s = flop * 1e-6 / ms,
                .mib = field(*text, "taken_mib")};
}

std::string mib_text(double bytes) {
  return bytes > 0 ? cli::fixed(bytes / (1 << 20), 1) : std::string();
}

void draw(const Axis& axis, const Options& o, const std::vector<cli::Series>& time,
          const std::vector<cli::Series>& memory, cli::Console& console) {
  std::filesystem::create_directories(o.out);
  const bool by_threads = axis.name == "threads";
  const auto of = [&](const std::string& label, const std::vector<cli::Series>& series, bool log) {
    return cli::Figure{.title = "",
                       .x_label = axis.label,
                       .y_label = label,
                       .log_x = axis.log,
                       .log_y = log,
                       .series = series,
                       .compact = true};
  };
  cli::write_figure(of(axis.each, time, false), o.out, "scale-" + axis.name + "-time", console);
  if (!by_threads)
    cli::write_figure(of("MiB above the inputs", memory, true), o.out,
                      "scale-" + axis.name + "-memory", console);
}

}  // namespace

Axis axis_of(const Options& o) {
  std::string known;
  for (const Named& a : axes) {
    known += (known.empty() ? "" : ", ") + std::string(a.name);
    if (o.scale != a.name) continue;
    Axis axis = a.make(o);
    axis.name = a.name;
    for (std::vector<Point>& curve : axis.curves)
      std::erase_if(curve, [&](const Point& p) {
        return p.value < o.least || (o.most > 0 && p.value > o.most);
      });
    return axis;
  }
  throw DataError("--scale " + o.scale + ": not one of " + known);
}

bool run_scale(const Options& o) {
  const Axis axis = axis_of(o);
  const bool by_threads = axis.name == "threads";
  cli::Console console;
  cli::Table table({axis.name, "workload", "ms", axis.each, "GFLOP/s", "MiB", "by formula"});
  table.left(1);
  std::vector<cli::Series> time, memory;
  cli::Series kept{.name = "gradients and states"};
  bool sound = true;
  for (const std::vector<Point>& curve : axis.curves) {
    const std::string name = curve.empty() || !by_threads ? "" : curve.front().workload;
    time.push_back({.name = name});
    memory.push_back({.name = by_threads ? name : "measured"});
    double on_one = 0;
    for (const Point& p : curve) {
      if (1.2 * p.kept > 0.9 * available_bytes()) {
        console.warn(fmt::format("{}: left out: it takes {:.1f} GiB, and {:.1f} are free",
                                 p.workload, 1.2 * p.kept / (1 << 30),
                                 available_bytes() / (1 << 30)));
        continue;
      }
      const std::optional<Result> found = measured(o, p);
      if (!found) {
        console.warn(p.workload + ": its process failed");
        sound = false;
        continue;
      }
      Result r = *found;
      if (by_threads) {
        if (p.value == 1) on_one = r.ms;
        r.each = on_one / r.ms;
      }
      time.back().x.push_back(real(p.value));
      time.back().y.push_back(r.each);
      memory.back().x.push_back(real(p.value));
      memory.back().y.push_back(r.mib);
      if (p.kept > 0) {
        kept.x.push_back(real(p.value));
        kept.y.push_back(p.kept / (1 << 20));
      }
      if (o.json)
        console.print(cli::json_text(Json{{"axis", axis.name},
                                          {"value", p.value},
                                          {"workload", p.workload},
                                          {"threads", p.threads},
                                          {"ms", r.ms},
                                          {"each", r.each},
                                          {"each_is", axis.each},
                                          {"gflop_per_s", r.gflop_per_s},
                                          {"mib", r.mib},
                                          {"kept_mib", p.kept / (1 << 20)}}));
      table.row({std::to_string(p.value), p.workload, fmt::format("{:.4g}", r.ms),
                 fmt::format("{:.3g}", r.each), cli::fixed(r.gflop_per_s, 1), cli::fixed(r.mib, 1),
                 mib_text(p.kept)});
    }
  }
  if (!o.json) console.print(table.text());
  if (!o.out.empty()) {
    if (!kept.y.empty()) memory.push_back(kept);
    draw(axis, o, time, memory, console);
  }
  return sound;
}

}  // namespace bench

#include "floors.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "console.hpp"
#include "figure.hpp"
#include "process.hpp"
#include "report.hpp"
#include "workloads.hpp"

namespace bench {

using namespace metatape;
using cli::fixed;
using cli::Json;

Floor floor_of(const Counts& c, const Rates& r) {
  constexpr double ms = 1e3;
  const double resident =
      c.resident * static_cast<double>(std::min<std::int64_t>(c.parallel, r.threads));
  return {.products_ms = ms * c.least_flop / r.peak(),
          .functions_ms = ms * c.transcendentals / r.cell,
          .memory_ms = ms * c.bytes / r.bandwidth(resident),
          .level = r.level(resident)};
}

namespace {

// ---- rates

Json json_of(const Rates& r) {
  return {{"threads", r.threads},
          {"multiply_add_f32_gflop_per_s", r.multiply_add_f32 * 1e-9},
          {"multiply_add_f64_gflop_per_s", r.multiply_add_f64 * 1e-9},
          {"blas_gflop_per_s", r.product * 1e-9},
          {"cell_g_per_s", r.cell * 1e-9},
          {"exp_g_per_s", r.exp * 1e-9},
          {"tanh_g_per_s", r.tanh * 1e-9},
          {"l2_gb_per_s", r.l2 * 1e-9},
          {"l3_gb_per_s", r.l3 * 1e-9},
          {"memory_gb_per_s", r.memory * 1e-9},
          {"l2_kib", r.l2_bytes / 1024},
          {"l3_kib", r.l3_bytes / 1024}};
}

std::string text_of(const std::vector<Rates>& rates) {
  std::vector<std::string> heads{"what this machine can do"};
  for (const Rates& r : rates)
    heads.push_back(fmt::format("{} thread{}", r.threads, r.threads == 1 ? "" : "s"));
  cli::Table table(heads);
  const auto row = [&](const std::string& what, const auto& value, double unit, int digits) {
    std::vector<std::string> cells{what};
    for (const Rates& r : rates) cells.push_back(fixed(value(r) * unit, digits));
    table.row(cells);
  };
  const char* type = rates[0].dtype == DType::f32 ? "float32" : "float64";
  row(
      "multiply-add, float32, GFLOP/s", [](const Rates& r) { return r.multiply_add_f32; }, 1e-9, 0);
  row(
      "multiply-add, float64, GFLOP/s", [](const Rates& r) { return r.multiply_add_f64; }, 1e-9, 0);
  row(
      fmt::format("BLAS product, {}, GFLOP/s", type), [](const Rates& r) { return r.product; },
      1e-9, 0);
  row(
      "sigmoid and tanh in a cell, 10^9/s", [](const Rates& r) { return r.cell; }, 1e-9, 2);
  row(
      "exp, 10^9/s", [](const Rates& r) { return r.exp; }, 1e-9, 2);
  row(
      "tanh, 10^9/s", [](const Rates& r) { return r.tanh; }, 1e-9, 2);
  row(
      "triad in L2, GB/s", [](const Rates& r) { return r.l2; }, 1e-9, 0);
  row(
      "triad in L3, GB/s", [](const Rates& r) { return r.l3; }, 1e-9, 0);
  row(
      "triad in memory, GB/s", [](const Rates& r) { return r.memory; }, 1e-9, 0);
  return fmt::format("{}, {}; L2 {:.0f} KiB, L3 {:.0f} KiB\n\n{}\n", rates[0].simd, blas_name(),
                     rates[0].l2_bytes / 1024, rates[0].l3_bytes / 1024, table.text());
}

// ---- workloads

struct Measured {
  std::string workload;
  Counts counts{};
  Floor floor{};
  double ms = 0, mib = 0;
  [[nodiscard]] double share() const { return floor.ms() / ms; }
  [[nodiscard]] double gflop_per_s() const { return counts.flop * 1e-6 / ms; }
};

Json json_of(const Measured& m, const Options& o) {
  return {{"workload", m.workload},
          {"threads", o.threads},
          {"dtype", o.wide ? "f64" : "f32"},
          {"ms", m.ms},
          {"floor_ms", m.floor.ms()},
          {"share_of_floor", m.share()},
          {"bound", m.floor.by_memory() ? m.floor.level : "compute"},
          {"products_ms", m.floor.products_ms},
          {"functions_ms", m.floor.functions_ms},
          {"memory_ms", m.floor.memory_ms},
          {"level", m.floor.level},
          {"gflop", m.counts.flop * 1e-9},
          {"least_gflop", m.counts.least_flop * 1e-9},
          {"transcendentals", m.counts.transcendentals},
          {"bytes", m.counts.bytes},
          {"resident_bytes", m.counts.resident},
          {"gflop_per_s", m.gflop_per_s()},
          {"taken_mib", m.mib}};
}

std::string text_of(const std::vector<Measured>& all) {
  cli::Table table({"workload", "ms", "floor ms", "floor / time", "products", "functions", "memory",
                    "in", "GFLOP", "GFLOP/s", "MiB"});
  for (const Measured& m : all)
    table.row({m.workload, fmt::format("{:.4g}", m.ms), fmt::format("{:.3g}", m.floor.ms()),
               cli::percent(m.share(), 0), fmt::format("{:.3g}", m.floor.products_ms),
               fmt::format("{:.3g}", m.floor.functions_ms),
               fmt::format("{:.3g}", m.floor.memory_ms), m.floor.level,
               fmt::format("{:.4g}", m.counts.flop * 1e-9), fixed(m.gflop_per_s(), 1),
               fixed(m.mib, 1)});
  return table.text();
}

// ---- the picture

cli::Figure roofline(const Rates& r, const std::vector<Measured>& all) {
  cli::Figure figure{
      .title = fmt::format("Roofline, {} thread{}", r.threads, r.threads == 1 ? "" : "s"),
      .x_label = "FLOP for each byte beyond the first cache",
      .y_label = "GFLOP/s",
      .log_x = true,
      .log_y = true};
  double least = 1, most = 100;
  for (const Measured& m : all) {
    least = std::min(least, m.counts.flop / m.counts.bytes);
    most = std::max(most, m.counts.flop / m.counts.bytes);
  }
  const auto roof = [&](const char* name, double bandwidth) {
    const double corner = r.peak() / bandwidth, left = least / 2, right = 2 * most;
    cli::Series s{.name = name};
    for (const double x : {left, corner, right}) {
      if (x < left || x > right) continue;
      s.x.push_back(x);
      s.y.push_back(std::min(r.peak(), x * bandwidth) * 1e-9);
    }
    figure.series.push_back(s);
  };
  roof("roof by memory", r.memory);
  roof("roof by L3", r.l3);
  roof("roof by L2", r.l2);
  figure.levels.emplace_back("BLAS product", r.product * 1e-9);
  for (const Measured& m : all)
    figure.series.push_back({.name = m.workload,
                             .x = {m.counts.flop / m.counts.bytes},
                             .y = {m.gflop_per_s()},
                             .points = true,
                             .large = true});
  return figure;
}

}  // namespace

bool run_floors(const Options& o, const std::vector<std::string>& workloads) {
  const DType dtype = o.wide ? DType::f64 : DType::f32;
  std::vector<Rates> rates{measured_rates(1, dtype)};
  if (o.threads > 1) rates.push_back(measured_rates(o.threads, dtype));
  cli::Console console;
  if (o.json) {
    Json line{{"simd", rates[0].simd}, {"blas", blas_name()}, {"dtype", o.wide ? "f64" : "f32"}};
    for (const Rates& r : rates) line["rates"].push_back(json_of(r));
    console.print(cli::json_text(line));
  } else {
    console.print(text_of(rates));
  }
  bool sound = true;
  std::vector<Measured> all;
  for (const std::string& workload : workloads) {
    const Counts counts = find_workload(workload, dtype).counts;
    const auto text = output_of(measuring(this_program, workload, o));
    if (!text) {
      console.warn(workload + ": its process failed");
      sound = false;
      continue;
    }
    all.push_back({workload, counts, floor_of(counts, rates.back()), field(*text, "ms"),
                   field(*text, "taken_mib")});
    if (o.json) console.print(cli::json_text(json_of(all.back(), o)));
  }
  if (!o.json) console.print(text_of(all));
  if (!o.out.empty()) {
    std::filesystem::create_directories(o.out);
    cli::write_figure(roofline(rates.back(), all), o.out, "roofline", console);
  }
  return sound;
}

}  // namespace bench

// show.cpp: `metatape data show`: what is in a data set, at a glance.
#include <fmt/format.h>

#include <algorithm>

#include "../commands.hpp"
#include "../picture.hpp"
#include "../progress.hpp"
#include "metatape/autodiff/threads.hpp"
#include "metatape/nn/atomic_file.hpp"
#include "metatape/tasks/images/data_spec.hpp"

namespace metatape::cli {

namespace {

using tasks::ImageSet;

struct Extent {
  int least = 0, most = 0;

  [[nodiscard]] std::string text() const {
    return least == most ? grouped(least) : fmt::format("{} to {}", grouped(least), grouped(most));
  }
};

template <class F>
Extent extent(int n, F&& f) {
  Extent e{n > 0 ? f(0) : 0, 0};
  for (int i = 0; i < n; ++i) {
    e.least = std::min(e.least, f(i));
    e.most = std::max(e.most, f(i));
  }
  return e;
}

struct Group {
  std::string name;
  int classes = 0, images = 0;
};

std::vector<Group> groups_of(const ImageSet& set) {
  std::vector<Group> groups;
  for (const std::string& name : set.groups()) groups.push_back({name});
  for (const ImageSet::Class& c : set.classes()) {
    if (c.group < 0) continue;
    Group& group = groups[static_cast<std::size_t>(c.group)];
    ++group.classes;
    group.images += c.count;
  }
  return groups;
}

/// A row a group with an image of each of its classes, or a row a class with its first images.
struct ContactSheet {
  Sheet sheet;
  std::string csv = "row,column,class,image\n";
};

ContactSheet contact_sheet(const ImageSet& set) {
  constexpr std::size_t most_rows = 60, most_columns = 16;
  ContactSheet made;
  made.sheet.title = fmt::format("{}: {} images, {} classes", set.name(), grouped(set.images()),
                                 grouped(static_cast<std::int64_t>(set.classes().size())));
  const bool light = set.channels() == 3;
  const auto add = [&](TileRow& row, const ImageSet::Class& of, int image) {
    made.csv +=
        fmt::format("{},{},{},{}\n", made.sheet.rows.size(), row.tiles.size(), of.name, image);
    row.tiles.push_back({.image = shown(set.image(image), light)});
  };
  if (set.groups().empty()) {
    for (const ImageSet::Class& c : set.classes()) {
      if (made.sheet.rows.size() == most_rows) break;
      TileRow row{.label = c.name};
      for (int i = 0; i < std::min(c.count, static_cast<int>(most_columns)); ++i)
        add(row, c, c.first + i);
      made.sheet.rows.push_back(std::move(row));
    }
    return made;
  }
  for (std::size_t g = 0; g < std::min(set.groups().size(), most_rows); ++g) {
    TileRow row{.label = set.groups()[g]};
    for (const ImageSet::Class& c : set.classes())
      if (c.group == static_cast<int>(g) && row.tiles.size() < most_columns && c.count > 0)
        add(row, c, c.first);
    made.sheet.rows.push_back(std::move(row));
  }
  return made;
}

}  // namespace

int data_show(Invocation& in) {
  in.take({.threads = true, .data_positional = true, .out = true});
  in.parse();

  Threads threads(in.common.threads);
  const auto set = tasks::read_data(in.common.data, {}, &threads);
  RunFolder* out = in.open_out();  // data that cannot be read leave no folder behind
  const auto groups = groups_of(*set);
  const auto count = static_cast<int>(set->classes().size());
  const Extent sides = extent(set->images(), [&](int i) { return set->side(i); });
  const Extent each =
      extent(count, [&](int i) { return set->classes()[static_cast<std::size_t>(i)].count; });

  Console& console = in.console;
  console.print(fmt::format("{}\n", console.paint(Paint::bold, in.common.data)));
  console.print(fmt::format("images   {}, {}, {} pixels a side\n", grouped(set->images()),
                            set->channels() == 3 ? "colour" : "grey", sides.text()));
  console.print(fmt::format("classes  {} of {} images\n", grouped(count), each.text()));
  if (groups.empty()) {
    console.print("groups   none\n");
  } else {
    console.print(
        fmt::format("groups   {}\n\n", grouped(static_cast<std::int64_t>(groups.size()))));
    Table table({"group", "classes", "images"});
    for (const Group& g : groups) table.row({g.name, grouped(g.classes), grouped(g.images)});
    console.print(table.text());
  }
  Json listed = Json::array();
  for (const Group& g : groups)
    listed.push_back({{"name", g.name}, {"classes", g.classes}, {"images", g.images}});
  Json result{{"data", in.common.data},         {"images", set->images()},
              {"channels", set->channels()},    {"side_min", sides.least},
              {"side_max", sides.most},         {"classes", count},
              {"class_images_min", each.least}, {"class_images_max", each.most},
              {"groups", std::move(listed)}};
  if (out) {
    const ContactSheet made = contact_sheet(*set);
    const auto picture = out->figures() / "contact-sheet.png";
    nn::write_atomically(out->figures() / "contact-sheet.csv", made.csv);
    write_picture(made.sheet, picture);
    console.print(fmt::format("\na contact sheet is in {}\n", picture.string()));
    result["contact_sheet"] = picture.string();
  }
  in.finish(std::move(result));
  return exit_done;
}

}  // namespace metatape::cli

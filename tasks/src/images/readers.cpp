// readers.cpp: the layouts that are folders of PNG files.
#include "metatape/tasks/images/readers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "metatape/autodiff/error.hpp"
#include "metatape/tasks/images/drawing.hpp"
#include "store.hpp"

namespace metatape::tasks {
namespace {

/// Runs `read`; a DataError about `file` goes to the list of broken files where there is one.
template <class F>
void guarded(const std::string& file, const ReadOptions& options, F&& read) {
  if (!options.broken) return read();
  try {
    read();
  } catch (const DataError& error) {
    const std::string what = error.what();
    options.broken->push_back(
        {file, what.rfind(file + ": ", 0) == 0 ? what.substr(file.size() + 2) : what});
  }
}

/// The positions of the PNG files of a store; says what else is there when there are none.
std::vector<std::size_t> pictures(const Store& store) {
  std::vector<std::size_t> found;
  std::map<std::string, int> others;
  for (std::size_t i = 0; i < store.names().size(); ++i) {
    const std::string& name = store.names()[i];
    if (ends_with(name, ".png")) {
      found.push_back(i);
    } else {
      for (const char* ending : {".zip", ".jpg", ".jpeg", ".gif", ".bmp", ".tar", ".gz"})
        if (ends_with(name, ending)) ++others[ending];
    }
  }
  if (!found.empty()) return found;
  std::string seen;
  for (const auto& [ending, count] : others)
    seen += fmt::format("{}{} {}", seen.empty() ? ", but " : ", ", count, ending);
  if (others.count(".zip")) seen += ": an archive within it must be unpacked first";
  throw DataError(fmt::format("{}: no .png files in it{}", store.root(), seen));
}

void require_images(const ImageSetBuilder& builder, const std::string& root) {
  if (builder.images() == 0) throw DataError(root + ": none of its images can be read");
}

void add_omniglot(ImageSetBuilder& builder, Store& store, const ReadOptions& options,
                  std::map<std::string, std::string>& alphabets) {
  std::string character;
  int side = 0;
  for (const std::size_t i : pictures(store)) {
    const std::string file = store.full_name(i);
    guarded(file, options, [&] {
      const std::vector<std::string> parts = components(store.names()[i]);
      if (parts.size() < 3)
        throw DataError(file + ": expected at <Alphabet>/<character>/<image>.png");
      const std::string &alphabet = parts[parts.size() - 3], &letter = parts[parts.size() - 2];
      const auto [known, fresh] = alphabets.insert({alphabet, store.root()});
      if (!fresh && known->second != store.root())
        throw DataError(
            fmt::format("{}: alphabet {} is in {} too: its characters would be two "
                        "classes each",
                        store.root(), alphabet, known->second));
      const Image image = decode_png(store.read(i), file);
      if (image.channels != 1)
        throw DataError(file +
                        ": in colour; Omniglot's drawings are black and white "
                        "(read other images with folder:PATH)");
      if (image.height != image.width)
        throw DataError(fmt::format("{}: {} x {} pixels; Omniglot's drawings are square", file,
                                    image.width, image.height));
      if (alphabet + "/" + letter != character) {
        character = alphabet + "/" + letter;
        side = image.height;
      }
      if (image.height != side)
        throw DataError(fmt::format("{}: {} x {} pixels, the drawings before it in {} {} x {}",
                                    file, image.width, image.height, character, side, side));
      builder.add(alphabet, letter, parts.back(), image);
    });
  }
}

}  // namespace

std::shared_ptr<const ImageSet> read_omniglot(const std::vector<std::filesystem::path>& paths,
                                              const ReadOptions& options) {
  ImageSetBuilder builder;
  std::map<std::string, std::string> alphabets;
  std::string name;
  for (const auto& path : paths) {
    const std::unique_ptr<Store> store = Store::open(path);
    add_omniglot(builder, *store, options, alphabets);
    name += (name.empty() ? "" : ",") + store->root();
  }
  require_images(builder, name);
  return builder.finish(name, Ink::dark);
}

std::shared_ptr<const ImageSet> read_folder(const std::filesystem::path& path,
                                            const ReadOptions& options) {
  const std::unique_ptr<Store> store = Store::open(path);
  ImageSetBuilder builder;
  std::size_t depth = 0;
  for (const std::size_t i : pictures(*store)) {
    const std::string file = store->full_name(i);
    guarded(file, options, [&] {
      const std::vector<std::string> parts = components(store->names()[i]);
      if (parts.size() < 2 || parts.size() > 3)
        throw DataError(file + ": expected at <class>/<image>.png or <group>/<class>/<image>.png");
      if (depth == 0) depth = parts.size();
      if (parts.size() != depth)
        throw DataError(
            fmt::format("{}: {} folders deep, the images before it {}: either "
                        "<class>/<image>.png or <group>/<class>/<image>.png",
                        file, parts.size() - 1, depth - 1));
      builder.add(depth == 3 ? parts[0] : "", parts[depth - 2], parts.back(),
                  with_clean_paper(decode_png(store->read(i), file)));
    });
  }
  require_images(builder, store->root());
  return options.ink ? builder.finish(store->root(), *options.ink) : builder.finish(store->root());
}

}  // namespace metatape::tasks

// store.cpp: folders through std::filesystem, archives through libzip.
#include "store.hpp"

#include <fmt/format.h>
#include <zip.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <numeric>
#include <system_error>

#include "files.hpp"
#include "metatape/autodiff/error.hpp"

namespace metatape::tasks {
namespace fs = std::filesystem;
namespace {

bool skipped(const std::string& component) {
  return component == "__MACOSX" || (!component.empty() && component.front() == '.');
}

class FolderStore : public Store {
 public:
  explicit FolderStore(const fs::path& path) {
    root_ = path.string();
    walk(path, "", {});
    std::sort(names_.begin(), names_.end());
  }

  std::string full_name(std::size_t member) const override {
    return (fs::path(root_) / names_[member]).string();
  }

  std::vector<std::uint8_t> read(std::size_t member) override {
    return read_file(fs::path(root_) / names_[member], max_bytes);
  }

 private:
  void walk(const fs::path& folder, const std::string& prefix, std::vector<fs::path> above) {
    std::error_code why;
    const auto fail = [&](const fs::path& at) {
      throw DataError(fmt::format("{}: {}", at.string(), why.message()));
    };
    above.push_back(fs::canonical(folder, why));
    if (why) fail(folder);
    if (std::count(above.begin(), above.end(), above.back()) > 1)
      throw DataError(folder.string() + ": a link back to a folder that holds it");
    for (fs::directory_iterator it(folder, why), end; !why && it != end; it.increment(why)) {
      const std::string name = it->path().filename().string();
      if (skipped(name)) continue;
      std::error_code broken;
      const fs::file_status status = fs::status(it->path(), broken);
      if (fs::is_directory(status)) {
        walk(it->path(), prefix + name + "/", above);
      } else if (broken && broken != std::errc::no_such_file_or_directory) {
        why = broken;
        fail(it->path());
      } else {
        names_.push_back(prefix + name);  // a dangling link too: reading it says so
        if (names_.size() > max_members)
          throw DataError(fmt::format("{}: more than {} files", root_, max_members));
      }
    }
    if (why) fail(folder);
  }
};

class ZipStore : public Store {
 public:
  explicit ZipStore(const fs::path& path) {
    root_ = path.string();
    open_archive(path);
    try {
      list();
    } catch (...) {
      zip_discard(zip_);
      throw;
    }
  }
  ~ZipStore() override { zip_discard(zip_); }
  ZipStore(const ZipStore&) = delete;
  ZipStore& operator=(const ZipStore&) = delete;

  std::string full_name(std::size_t member) const override { return root_ + ": " + names_[member]; }

  std::vector<std::uint8_t> read(std::size_t member) override {
    const auto fail = [&](const char* why) {
      throw DataError(fmt::format("{}: broken zip member: {}", full_name(member), why));
    };
    const Place place = places_[member];
    zip_file_t* file = zip_fopen_index(zip_, place.index, 0);
    if (!file) fail(zip_strerror(zip_));
    const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> closed(file, zip_fclose);
    std::vector<std::uint8_t> bytes(place.size);
    std::size_t done = 0;
    while (done < bytes.size()) {
      const zip_int64_t got = zip_fread(file, bytes.data() + done, bytes.size() - done);
      if (got < 0) fail(zip_file_strerror(file));
      if (got == 0) fail("shorter than the archive says");
      done += static_cast<std::size_t>(got);
    }
    char beyond = 0;  // reading to the end is what makes libzip check the CRC
    const zip_int64_t more = zip_fread(file, &beyond, 1);
    if (more < 0) fail(zip_file_strerror(file));
    if (more > 0) fail("longer than the archive says");
    return bytes;
  }

 private:
  struct Place {
    zip_uint64_t index, size;
  };

  void open_archive(const fs::path& path) {
    int code = 0;
    zip_ = zip_open(path.c_str(), ZIP_RDONLY, &code);
    if (zip_) return;
    if (code != ZIP_ER_NOZIP && code != ZIP_ER_INCONS && code != ZIP_ER_EOF) {
      zip_error_t error;
      zip_error_init_with_code(&error, code);
      const std::string why = zip_error_strerror(&error);
      zip_error_fini(&error);
      throw DataError(fmt::format("{}: {}", root_, why));
    }
    const std::vector<std::uint8_t> bytes = read_file(path, std::uint64_t{1} << 40);
    const bool begins_as_zip = bytes.size() >= 4 && bytes[0] == 'P' && bytes[1] == 'K';
    throw DataError(root_ + (begins_as_zip
                                 ? ": broken zip archive: its directory, at the end of the file, "
                                   "is missing or damaged: truncated download?"
                                 : ": not a zip archive"));
  }

  void list() {
    const zip_int64_t count = zip_get_num_entries(zip_, 0);
    if (count > static_cast<zip_int64_t>(max_members))
      throw DataError(
          fmt::format("{}: {} members; at most {} are read", root_, count, max_members));
    std::vector<std::pair<std::string, Place>> found;
    std::uint64_t total = 0;
    for (zip_int64_t i = 0; i < count; ++i) {
      zip_stat_t stat;
      if (zip_stat_index(zip_, static_cast<zip_uint64_t>(i), ZIP_FL_ENC_RAW, &stat) != 0)
        throw DataError(fmt::format("{}: member {}: {}", root_, i, zip_strerror(zip_)));
      const std::string name = stat.name;
      const auto parts = components(name);
      const std::string full = root_ + ": " + name;
      if (name.empty() || name.front() == '/' || name.find('\\') != std::string::npos ||
          (name.size() > 1 && name[1] == ':') ||
          std::find(parts.begin(), parts.end(), "..") != parts.end())
        throw DataError(full + ": a member's name leads out of the archive");
      if (name.back() == '/' || std::any_of(parts.begin(), parts.end(), skipped)) continue;
      if (stat.encryption_method != ZIP_EM_NONE)
        throw DataError(full + ": encrypted; unpack the archive first");
      total += stat.size;
      if (stat.size > max_bytes || total > max_bytes)
        throw DataError(fmt::format("{}: unpacks to {} bytes{}; at most {} are read", full,
                                    stat.size > max_bytes ? stat.size : total,
                                    stat.size > max_bytes ? "" : " with those before it",
                                    max_bytes));
      found.push_back({name, {static_cast<zip_uint64_t>(i), stat.size}});
    }
    std::sort(found.begin(), found.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [name, place] : found) {
      if (!names_.empty() && names_.back() == name)
        throw DataError(fmt::format("{}: {}: two members of this name", root_, name));
      names_.push_back(name);
      places_.push_back(place);
    }
  }

  zip_t* zip_ = nullptr;
  std::vector<Place> places_;
};

}  // namespace

std::unique_ptr<Store> Store::open(const fs::path& path) {
  std::error_code why;
  const fs::file_status status = fs::status(path, why);
  if (fs::is_directory(status)) return std::make_unique<FolderStore>(path);
  if (!fs::exists(status))
    throw DataError(fmt::format("{}: {}", path.string(),
                                why && why != std::errc::no_such_file_or_directory
                                    ? why.message()
                                    : "no such file or folder"));
  return std::make_unique<ZipStore>(path);
}

std::vector<std::string> components(const std::string& name) {
  std::vector<std::string> parts;
  for (std::size_t from = 0; from <= name.size();) {
    const std::size_t to = std::min(name.find('/', from), name.size());
    if (to > from) parts.push_back(name.substr(from, to - from));
    from = to + 1;
  }
  return parts;
}

bool ends_with(const std::string& name, const std::string& ending) {
  return name.size() >= ending.size() &&
         std::equal(ending.begin(), ending.end(),
                    name.end() - static_cast<std::ptrdiff_t>(ending.size()), [](char a, char b) {
                      return a == static_cast<char>(std::tolower(static_cast<unsigned char>(b)));
                    });
}

}  // namespace metatape::tasks

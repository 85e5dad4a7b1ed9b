// safetensors.cpp: the container of checkpoints, read as if by an enemy.
// Sizes are checked before anything is allocated; offsets must tile the data exactly; products of
// extents are taken with overflow in mind; and each tensor's CRC-32 must be the stored one.
#include "metatape/nn/safetensors.hpp"

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "metatape/autodiff/error.hpp"
#include "metatape/nn/atomic_file.hpp"

namespace metatape::nn {

static_assert(std::endian::native == std::endian::little, "the format's numbers are little-endian");

namespace {

using Json = nlohmann::json;

constexpr std::uint64_t largest_header = 100'000'000;  // the format's own limit
constexpr int deepest = 8;
constexpr const char* metadata_name = "__metadata__";
constexpr const char* checksum_prefix = "crc32.";
constexpr const char* version_name = "metatape.version";
constexpr int version = 1;

std::string checksum(const void* data, std::size_t size) {
  uLong crc = crc32(0, nullptr, 0);
  const auto* p = static_cast<const Bytef*>(data);
  while (size > 0) {
    const auto part = static_cast<uInt>(std::min<std::size_t>(size, 1u << 30));
    crc = crc32(crc, p, part);
    p += part;
    size -= part;
  }
  char text[9];
  std::snprintf(text, sizeof(text), "%08lx", static_cast<unsigned long>(crc));
  return text;
}

// An empty tensor has no bytes, and no extent shows in its offsets: its shape stands for them.
std::string checksum(const void* data, std::size_t size, const Shape& shape) {
  if (size > 0) return checksum(data, size);
  const std::string text = to_string(shape);
  return checksum(text.data(), text.size());
}

// nlohmann's parser recurses into nothing, keeps the last of equal names and sorts them; this sees
// them all, in their order.
class StrictSax : public nlohmann::detail::json_sax_dom_parser<Json> {
 public:
  using Base = nlohmann::detail::json_sax_dom_parser<Json>;
  explicit StrictSax(Json& to) : Base(to, false) {}

  bool start_object(std::size_t n) {
    names_.emplace_back();
    return deep(1) && Base::start_object(n);
  }
  bool end_object() {
    names_.pop_back();
    --depth_;
    return Base::end_object();
  }
  bool start_array(std::size_t n) { return deep(1) && Base::start_array(n); }
  bool end_array() {
    --depth_;
    return Base::end_array();
  }
  bool key(Json::string_t& name) {
    if (!names_.back().insert(name).second) {
      twice = name;
      return false;
    }
    if (depth_ == 1) names.push_back(name);
    return Base::key(name);
  }

  std::vector<std::string> names;    // of the outermost object, as they come
  std::optional<std::string> twice;  // the name that came again
  bool too_deep = false;

 private:
  bool deep(int by) {
    depth_ += by;
    too_deep = too_deep || depth_ > deepest;
    return !too_deep;
  }
  std::vector<std::set<std::string>> names_;
  int depth_ = 0;
};

class Reader {
 public:
  Reader(const std::string& bytes, const std::string& source) : bytes_(bytes), source_(source) {}

  Checkpoint read() {
    const Json header = parse();
    Checkpoint c;
    std::map<std::string, std::string> checksums;
    read_metadata(header, c.metadata, checksums);
    std::vector<Entry> entries = read_entries(header);
    require_tiling(entries);
    std::vector<std::pair<std::string, Tensor>> tensors;
    for (const Entry& e : entries) {
      const char* data = data_ + e.begin;
      if (!checksums.empty()) {
        const auto stored = checksums.find(e.name);
        const std::string found =
            checksum(data, static_cast<std::size_t>(e.end - e.begin), e.shape);
        if (stored == checksums.end()) reject("tensor '" + e.name + "' has no checksum");
        if (stored->second != found)
          reject("tensor '" + e.name + "': checksum " + found + ", stored is " + stored->second +
                 ": the data are damaged");
      }
      Tensor t = Tensor::uninitialised(e.shape, e.dtype);
      if (t.size() > 0)
        std::memcpy(t.mutable_data(), data, static_cast<std::size_t>(e.end - e.begin));
      tensors.emplace_back(e.name, std::move(t));
    }
    c.params = Params(tensors);
    return c;
  }

 private:
  struct Entry {
    std::string name;
    DType dtype = DType::f32;
    Shape shape;
    std::uint64_t begin = 0, end = 0;
  };

  [[noreturn]] void reject(const std::string& why) const { throw DataError(source_ + ": " + why); }

  Json parse() {
    if (bytes_.size() < 8)
      reject(std::to_string(bytes_.size()) +
             " bytes: not a safetensors file (8 for the header's "
             "length are needed)");
    std::uint64_t length = 0;
    std::memcpy(&length, bytes_.data(), 8);
    if (length > largest_header || length > bytes_.size() - 8)
      reject("a header of " + std::to_string(length) + " bytes is announced, " +
             std::to_string(bytes_.size() - 8) + " follow: truncated, or not a safetensors file");
    const char* begin = bytes_.data() + 8;
    if (length == 0 || *begin != '{') reject("the header does not begin with '{'");
    data_ = begin + length;
    data_size_ = bytes_.size() - 8 - length;
    Json header;
    StrictSax sax(header);
    // To the parser a NUL is the end, whatever follows.
    if (std::memchr(begin, 0, length) || !Json::sax_parse(begin, begin + length, &sax)) {
      if (sax.twice) reject("the name '" + *sax.twice + "' stands twice in the header");
      reject(sax.too_deep ? "the header is nested too deeply" : "the header is not JSON");
    }
    names_ = std::move(sax.names);
    return header;
  }

  void read_metadata(const Json& header, std::map<std::string, std::string>& metadata,
                     std::map<std::string, std::string>& checksums) const {
    const auto at = header.find(metadata_name);
    if (at == header.end()) return;
    if (!at->is_object()) reject("__metadata__ is not an object of strings");
    for (const auto& [name, value] : at->items()) {
      if (!value.is_string()) reject("__metadata__ '" + name + "' is not a string");
      const auto& text = value.get_ref<const std::string&>();
      if (name.starts_with(checksum_prefix)) {
        checksums[name.substr(std::strlen(checksum_prefix))] = text;
      } else if (name == version_name) {
        if (text != std::to_string(version))
          reject("format version " + text + ", this program reads " + std::to_string(version) +
                 ": written by a newer metatape?");
      } else {
        metadata[name] = text;
      }
    }
  }

  std::vector<Entry> read_entries(const Json& header) const {
    std::vector<Entry> entries;
    for (const std::string& name : names_) {
      if (name == metadata_name) continue;
      const Json& value = header[name];
      const auto wrong = [&](const std::string& why) { reject("tensor '" + name + "': " + why); };
      if (!value.is_object() || !value.contains("dtype") || !value.contains("shape") ||
          !value.contains("data_offsets"))
        wrong("dtype, shape and data_offsets are needed");
      Entry e;
      e.name = name;
      const Json &type = value["dtype"], &shape = value["shape"], &offsets = value["data_offsets"];
      if (type == "F32")
        e.dtype = DType::f32;
      else if (type == "F64")
        e.dtype = DType::f64;
      else
        wrong("type " + type.dump(-1, ' ', false, Json::error_handler_t::replace) +
              ": F32 or F64 is expected");
      if (!entries.empty() && entries.front().dtype != e.dtype)
        wrong("F32 and F64 do not mix in one file");
      e.shape = read_shape(shape, wrong);
      if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
          !offsets[1].is_number_unsigned())
        wrong("data_offsets are not two numbers");
      e.begin = offsets[0].get<std::uint64_t>();
      e.end = offsets[1].get<std::uint64_t>();
      if (e.begin > e.end || e.end > data_size_)
        wrong("data_offsets [" + std::to_string(e.begin) + ", " + std::to_string(e.end) + "] in " +
              std::to_string(data_size_) + " bytes of data: truncated?");
      const auto needed = static_cast<std::uint64_t>(e.shape.size()) * bytes(e.dtype);
      if (e.end - e.begin != needed)
        wrong(std::to_string(e.end - e.begin) + " bytes for shape " + to_string(e.shape) +
              ", which needs " + std::to_string(needed));
      entries.push_back(std::move(e));
    }
    return entries;
  }

  template <class Wrong>
  Shape read_shape(const Json& shape, const Wrong& wrong) const {
    if (!shape.is_array() || shape.size() > Shape::max_rank)
      wrong("shape is not a list of at most 6 numbers");
    std::vector<std::int64_t> extents;
    std::uint64_t product = 1;
    for (const Json& extent : shape) {
      if (!extent.is_number_unsigned()) wrong("an extent is not a whole number of 0 or more");
      const auto n = extent.get<std::uint64_t>();
      constexpr auto most =
          static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max() / 64);
      if (n > most || (n > 0 && product > most / n)) wrong("the extents multiply beyond 2^57");
      product *= std::max<std::uint64_t>(n, 1);
      extents.push_back(static_cast<std::int64_t>(n));
    }
    return Shape(std::span<const std::int64_t>(extents));
  }

  // Sorted by where they lie: in a file of ours that is the order of the Params. Empty tensors lie
  // at one place and stay in the header's order.
  void require_tiling(std::vector<Entry>& entries) const {
    std::ranges::stable_sort(entries, [](const Entry& a, const Entry& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    std::uint64_t at = 0;
    for (const Entry& e : entries) {
      if (e.begin != at)
        reject("tensor '" + e.name + "' begins at byte " + std::to_string(e.begin) + ", " +
               std::to_string(at) + " is expected: overlap or hole");
      at = e.end;
    }
    if (at != data_size_)
      reject(std::to_string(data_size_ - at) + " bytes of data belong to no tensor");
  }

  const std::string& bytes_;
  const std::string& source_;
  std::vector<std::string> names_;  // in the header's order
  const char* data_ = nullptr;
  std::uint64_t data_size_ = 0;
};

}  // namespace

std::string to_safetensors(const Checkpoint& checkpoint) {
  return to_safetensors({checkpoint.params}, checkpoint.metadata);
}

std::string to_safetensors(const std::vector<Params>& parts,
                           const std::map<std::string, std::string>& given) {
  auto metadata = nlohmann::ordered_json::object(), tensors = nlohmann::ordered_json::object();
  metadata[version_name] = std::to_string(version);
  for (const auto& [name, value] : given) {
    if (name.starts_with(checksum_prefix) || name == version_name)
      throw DataError("safetensors: the metadata name '" + name + "' is the format's own");
    metadata[name] = value;
  }
  std::size_t total = 0;
  std::optional<DType> type;
  for (const Params& p : parts) {
    if (p.entries().empty()) continue;
    if (type.value_or(p.dtype()) != p.dtype())
      throw DTypeError("safetensors: of the tensors some are float32 and some float64");
    type = p.dtype();
    const char* from = static_cast<const char*>(p.flat().data());
    const std::size_t element = bytes(p.dtype());
    for (const ParamEntry& e : p.entries()) {
      if (e.name == metadata_name)
        throw DataError("safetensors: a tensor cannot be named '" + e.name + "'");
      if (tensors.contains(e.name))
        throw DataError("safetensors: two tensors are named '" + e.name + "'");
      const std::size_t at = static_cast<std::size_t>(e.offset) * element;
      const std::size_t size = static_cast<std::size_t>(e.shape.size()) * element;
      metadata[checksum_prefix + e.name] = checksum(from + at, size, e.shape);
      tensors[e.name] = {{"dtype", p.dtype() == DType::f32 ? "F32" : "F64"},
                         {"shape", std::vector<std::int64_t>(e.shape.begin(), e.shape.end())},
                         {"data_offsets", {total + at, total + at + size}}};
    }
    total += static_cast<std::size_t>(p.size()) * element;
  }
  nlohmann::ordered_json header{{metadata_name, std::move(metadata)}};
  header.update(tensors);
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception&) {
    throw DataError("safetensors: names and metadata are UTF-8, and of those given some are not");
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the data then lie on 8 bytes, as the format asks
  if (text.size() > largest_header)
    throw DataError("safetensors: a header of " + std::to_string(text.size()) + " bytes, at most " +
                    std::to_string(largest_header) + " can be read again");
  const auto length = static_cast<std::uint64_t>(text.size());
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, 8);
  file.reserve(file.size() + text.size() + total);
  file += text;
  for (const Params& p : parts)
    if (p.size() > 0)
      file.append(static_cast<const char*>(p.flat().data()),
                  static_cast<std::size_t>(p.size()) * bytes(p.dtype()));
  return file;
}

Checkpoint from_safetensors(const std::string& bytes, const std::string& source) {
  return Reader(bytes, source).read();
}

void save(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  write_atomically(path, to_safetensors(checkpoint));
}

void save(const std::filesystem::path& path, const std::vector<Params>& parts,
          const std::map<std::string, std::string>& metadata) {
  write_atomically(path, to_safetensors(parts, metadata));
}

Checkpoint load(const std::filesystem::path& path) {
  return from_safetensors(read_file(path), path.string());
}

void require_layout(const Layout& found, const Layout& wanted, const std::string& source) {
  for (const ParamEntry& e : wanted.entries()) {
    const int at = found.find(e.name);
    if (at < 0) throw DataError(source + ": tensor '" + e.name + "' is missing: of another model?");
    const Shape& shape = found.entries()[static_cast<std::size_t>(at)].shape;
    if (!(shape == e.shape))
      throw DataError(source + ": tensor '" + e.name + "' is " + to_string(shape) + ", " +
                      to_string(e.shape) + " is expected: of another model?");
  }
  for (const ParamEntry& e : found.entries())
    if (wanted.find(e.name) < 0)
      throw DataError(source + ": tensor '" + e.name + "' is not expected: of another model?");
}

}  // namespace metatape::nn

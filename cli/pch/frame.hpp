// frame.hpp: what nearly every file of the frame would parse again, parsed once. A file still
// includes what it uses: all compile without it (-Db_pch=false).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// profile.hpp: how a tape joins the ProfileAll that lives.
#pragma once

#include <memory>

#include "metatape/autodiff/tape.hpp"

namespace metatape::detail {

/// A tape's part of a gathering; what it has met is added when it ends.
struct ProfileMember {
  explicit ProfileMember(std::shared_ptr<ProfileAll::Gathering> its_gathering);
  ~ProfileMember();
  ProfileMember(const ProfileMember&) = delete;
  ProfileMember& operator=(const ProfileMember&) = delete;

  std::shared_ptr<ProfileAll::Gathering> gathering;
  Profile profile;
};

/// Null where no ProfileAll lives.
std::unique_ptr<ProfileMember> join_profile_of_all();

}  // namespace metatape::detail

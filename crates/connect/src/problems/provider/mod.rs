//! What single providers say in words of their own, under the ids that these errors are widely known by.
//!
//! Each entry is a provider's form of a general problem (`kind_of`), where there is one; programs that decide by problems go by
//! that. Its words are the provider's: its names for passwords and switches, its pages.

pub(super) mod google;
pub(super) mod microsoft;
pub(super) mod others;

//! The catalogue's pages, and connection reports against real and against hostile servers.

mod catalogue;
mod certificates;
mod detect;
mod faults;
mod pages;
mod provider_pages;
mod real_servers;
mod scripted;
mod secrets;
mod setting;
mod sign_in;
mod test_message;

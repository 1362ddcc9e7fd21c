//! Whole conversations, with scripted servers and with a real one.

mod real_server;
mod scripted;
mod sign_in;

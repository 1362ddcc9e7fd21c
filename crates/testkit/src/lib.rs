//! The project's harness of real servers, and what tests need around them.

mod servers;

pub use servers::{ENDPOINTS_FILE, ENVIRONMENT, Servers, servers};

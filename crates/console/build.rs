//! Makes Cargo look at the built pages again when they change. The folder is created empty so that a
//! build without Node.js has something to watch; then the crate serves its fallback page.

fn main() {
    // A read-only source tree is no reason to fail: the derive allows a missing folder.
    let _ = std::fs::create_dir_all("web/dist");
    println!("cargo:rerun-if-changed=web/dist");
    println!("cargo:rerun-if-changed=build.rs");
}

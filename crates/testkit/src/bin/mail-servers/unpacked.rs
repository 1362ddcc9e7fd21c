//! Where `scripts/install-test-deps` has unpacked the mail servers that Debian does not install beside Dovecot.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine::{Machine, Result};

/// One server's packages and the libraries that only it needs, as they would lie under `/`.
pub struct Unpacked {
    /// What stands for `/`.
    pub root: PathBuf,
}

impl Unpacked {
    /// The server of this name, where it is unpacked; copied into the run's directory where the servers' own users
    /// cannot get at it (a checkout below /root).
    pub fn find(machine: &Machine, name: &str) -> Result<Option<Self>> {
        // target/<profile>/mail-servers -> target/testkit-servers
        let own = std::env::current_exe()?;
        let root = own
            .ancestors()
            .nth(2)
            .map(|target| target.join("testkit-servers").join(name));
        let Some(root) = root.filter(|root| root.join("usr").is_dir()) else {
            return Ok(None);
        };
        if root.ancestors().all(is_open_to_all) {
            return Ok(Some(Self { root }));
        }
        let copy = machine.folder("unpacked")?.join(name);
        let copied = Command::new("cp")
            .arg("-r")
            .arg(&root)
            .arg(&copy)
            .status()?;
        if !copied.success() {
            return Err(format!("cannot copy {}: {copied}", root.display()).into());
        }
        Ok(Some(Self { root: copy }))
    }

    /// A program, named as it would be after an installation: `usr/lib/cyrus/bin/master`.
    pub fn program(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    /// For LD_LIBRARY_PATH. Debian's folder names contain the machine's kind.
    pub fn library_path(&self) -> Result<String> {
        let mut folders = Vec::new();
        for place in ["usr/lib", "lib"] {
            let Ok(entries) = std::fs::read_dir(self.root.join(place)) else {
                continue;
            };
            folders.push(self.root.join(place));
            for entry in entries {
                let path = entry?.path();
                if path.to_string_lossy().ends_with("-linux-gnu") {
                    folders.push(path);
                }
            }
        }
        let folders: Vec<String> = folders.iter().map(|f| f.display().to_string()).collect();
        Ok(folders.join(":"))
    }
}

fn is_open_to_all(dir: &Path) -> bool {
    std::fs::metadata(dir).is_ok_and(|meta| meta.permissions().mode() & 0o005 == 0o005)
}

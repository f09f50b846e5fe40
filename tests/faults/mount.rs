//! A file system of a few megabytes, in a directory of its own, gone when the test ends.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

pub struct Tmpfs(PathBuf);

impl Tmpfs {
    pub fn mount(at: &Path, mib: u32) -> Self {
        std::fs::create_dir_all(at).unwrap();
        let size = format!("size={mib}m,mode=700");
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).status();
        assert!(
            done.is_ok_and(|s| s.success()),
            "this test mounts a small tmpfs: run it as root (apt-get install mount)"
        );
        Tmpfs(at.to_owned())
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily: after a failure the house may still have files open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A directory that stands at another place while it lives, as a mounted disk does.
pub struct Bound(PathBuf);

impl Bound {
    pub fn mount(what: &Path, at: &Path) -> Self {
        std::fs::create_dir_all(at).unwrap();
        let done = Command::new("mount").arg("--bind").args([what, at]).status();
        assert!(
            done.is_ok_and(|s| s.success()),
            "this test mounts a directory: run it as root (apt-get install mount)"
        );
        Bound(at.to_owned())
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

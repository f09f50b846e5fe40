//! What the linker is told: 0.3 MB of the release binary are addresses that the loader mends.
//!
//! Only where Rust brings its own linker (lld); another target's linker may not know the words, and then the binary is larger.

fn main() {
    println!("cargo:rerun-if-changed=scripts/build.rs");
    let is = |name: &str, wanted: &str| std::env::var(name).is_ok_and(|value| value == wanted);
    if is("PROFILE", "release") && is("TARGET", "x86_64-unknown-linux-gnu") {
        // As a bit map (understood by glibc 2.36 and later).
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

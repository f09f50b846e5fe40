//! Before the compiler: the files of the page and long tables are packed, and the linker is told its words.

use std::{
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::Path,
    process::Command,
};

use miniz_oxide::deflate::compress_to_vec;

/// What a browser can use, and how it is called; other files of `web/` are for people.
const KINDS: &[(&str, &str)] = &[
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("svg", "image/svg+xml"),
];
/// Tables of the program that are read once, if ever.
const TEXTS: &[&str] = &["src/admin/schemas.json", "src/admin/sentences.txt"];
/// The one whose linker is known.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// zlib's best: a file is packed once a build.
const LEVEL: u8 = 9;

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=scripts/build.rs");
    println!("cargo:rerun-if-changed=web");
    words();
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    let out = Path::new(&out);
    for text in TEXTS {
        println!("cargo:rerun-if-changed={text}");
        let name = Path::new(text).file_name().unwrap_or_default().to_string_lossy();
        fs::write(out.join(format!("{name}.deflated")), compress_to_vec(&fs::read(text)?, LEVEL))?;
    }
    page(out)
}

/// Words for the linker of a release.
fn words() {
    let is = |name: &str, wanted: &str| env::var(name).is_ok_and(|value| value == wanted);
    if !is("PROFILE", "release") || !is("TARGET", TARGET) {
        return;
    }
    // 0.3 MB of the release binary are addresses that the loader mends: as a bit map (understood by glibc 2.36 and later). Another
    // linker may not know the words, and then the binary is larger.
    println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    // 0.1 MB are functions that are the same octet for octet. Another linker would refuse the word.
    if links_with_lld() {
        println!("cargo:rustc-link-arg-bins=-Wl,--icf=all");
    }
}

/// Whether Rust brings its own linker, and nobody chose another.
fn links_with_lld() -> bool {
    let words = ["linker", "link-self-contained", "fuse-ld"];
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let chosen = env::var_os("RUSTC_LINKER").is_some() || words.iter().any(|word| flags.contains(word));
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let sysroot = Command::new(rustc).args(["--print", "sysroot"]).output();
    let sysroot = sysroot.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned()).unwrap_or_default();
    !chosen && Path::new(&sysroot).join("lib/rustlib").join(TARGET).join("bin/gcc-ld/ld.lld").exists()
}

/// `page.rs`, which `admin::files` includes: a version, which is a hash over all files, and every file under the path that a browser
/// asks for. The program holds 0.1 MB of packed octets in place of 0.3.
fn page(out: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    gather(Path::new("web"), "", &mut files)?;
    files.sort();
    let mut hasher = DefaultHasher::new();
    files.hash(&mut hasher);
    let version = format!("{:016x}", hasher.finish());
    let index = with_versions(&files, &version);
    let mut code = format!("const VERSION: &str = {version:?};\nstatic FILES: &[File] = &[\n");
    for (at, (path, kind, bytes)) in files.iter().enumerate() {
        let packed = out.join(format!("{at}.gz"));
        let (path, bytes) =
            if path == "/index.html" { ("/", index.as_slice()) } else { (path.as_str(), bytes.as_slice()) };
        fs::write(&packed, gzip(bytes))?;
        code += &format!("    File {{ path: {path:?}, kind: {kind:?}, packed: include_bytes!({packed:?}) }},\n");
    }
    fs::write(out.join("page.rs"), code + "];\n")
}

/// Path from the page's root, media type, octets.
type Plain = (String, &'static str, Vec<u8>);

fn gather(directory: &Path, prefix: &str, files: &mut Vec<Plain>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = format!("{prefix}/{}", path.file_name().unwrap_or_default().to_string_lossy());
        let kind = KINDS.iter().find(|(end, _)| path.extension().is_some_and(|have| have == *end));
        match kind {
            _ if path.is_dir() => gather(&path, &name, files)?,
            Some((_, kind)) => files.push((name, kind, fs::read(&path)?)),
            None => {}
        }
    }
    Ok(())
}

/// `index.html` with the versions of the files that it names.
fn with_versions(files: &[Plain], version: &str) -> Vec<u8> {
    let index = files.iter().find(|(path, ..)| path == "/index.html").map(|(_, _, bytes)| bytes.as_slice());
    let mut text = String::from_utf8_lossy(index.unwrap_or_default()).into_owned();
    for (path, ..) in files {
        text = text.replace(&format!("\"{}\"", &path[1..]), &format!("\"v/{version}{path}\""));
    }
    text.into_bytes()
}

/// RFC 1952: ten octets of head, deflated octets, their sum and length.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255];
    out.extend(compress_to_vec(bytes, LEVEL));
    out.extend(crc32(bytes).to_le_bytes());
    out.extend(u32::try_from(bytes.len() & 0xffff_ffff).unwrap_or(0).to_le_bytes());
    out
}

/// RFC 1952 s8: the sum of gzip (CRC-32 of IEEE, not crc32c's).
fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    };
    !bytes.iter().fold(u32::MAX, step)
}

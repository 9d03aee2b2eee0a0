//! A program as Lambda takes it: a zip file with the program as `bootstrap`.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-provided.html>

use std::io::{Cursor, Read as _, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

/// What the runtime starts.
const BOOTSTRAP: &str = "bootstrap";
/// Everyone may read and start it, its owner may write it.
const MODE: u32 = 0o755;
/// Everyone may read the other files: functions run as a user of their own.
const FILE_MODE: u32 = 0o644;
/// glibc of Amazon Linux 2023, on which `provided.al2023` runs.
/// <https://docs.aws.amazon.com/linux/al2023/ug/glibc-gcc-and-binutils.html>
const NEWEST_GLIBC: (u32, u32) = (2, 34);

/// What a function may unpack to.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LARGEST_BYTES: u64 = 250 * 1024 * 1024;

/// Why a program cannot be packaged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// It is no program for Linux on a processor that Lambda has.
    #[error(
        "this is no Linux program for x86_64 or arm64; build it with `aisaws package`, or for target x86_64-unknown-linux-gnu"
    )]
    NotLinux,
    /// It asks for a newer C library than Lambda has.
    #[error(
        "the program needs glibc {0}.{1}, functions have 2.34; build it on an older system, or with `cargo zigbuild`"
    )]
    GlibcTooNew(u32, u32),
    /// The zip file could not be written.
    #[error("the zip file could not be written")]
    Zip(#[from] zip::result::ZipError),
    /// The zip file could not be written.
    #[error("the zip file could not be written")]
    Write(#[from] std::io::Error),
    /// It is no zip file with a `bootstrap`.
    #[error("this is no package of a program; make one with `aisaws package`")]
    NoPackage(#[source] zip::result::ZipError),
    /// It unpacks to more than a function may have.
    #[error("the program is larger than the 250 MB that a function may have")]
    TooLarge,
}

/// For which processor a program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// Intel and AMD.
    X86_64,
    /// Graviton.
    Arm64,
}

impl Architecture {
    /// As Lambda and the template name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }
}

/// A program, looked at.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    bytes: &'a [u8],
    /// For which processor it is.
    pub architecture: Architecture,
}

impl<'a> Program<'a> {
    /// Looks at the head of an ELF file: class, byte order and machine.
    /// <https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html>
    ///
    /// # Errors
    /// [`PackageError::NotLinux`].
    pub fn read(bytes: &'a [u8]) -> Result<Self, PackageError> {
        // 64 bits, little-endian.
        let head = bytes.strip_prefix(b"\x7fELF\x02\x01").ok_or(PackageError::NotLinux)?;
        // `e_machine` is at byte 18.
        let architecture = match head.get(12..14) {
            Some([62, 0]) => Architecture::X86_64,
            Some([183, 0]) => Architecture::Arm64,
            _ => return Err(PackageError::NotLinux),
        };
        Ok(Self { bytes, architecture })
    }

    /// Whether functions have the C library that it asks for.
    ///
    /// # Errors
    /// [`PackageError::GlibcTooNew`].
    pub fn check_glibc(&self) -> Result<(), PackageError> {
        match self.glibc() {
            Some((major, minor)) if (major, minor) > NEWEST_GLIBC => {
                Err(PackageError::GlibcTooNew(major, minor))
            }
            _ => Ok(()),
        }
    }

    /// The newest version of glibc that it names; `None` for a static program. The names of
    /// versions are texts `GLIBC_2.34` that end in a zero byte.
    fn glibc(&self) -> Option<(u32, u32)> {
        const MARK: &[u8] = b"GLIBC_";
        let mut newest = None;
        let mut rest = self.bytes;
        while let Some(at) = rest.iter().position(|byte| *byte == b'G') {
            rest = rest.get(at..)?;
            if let Some(version) = rest.strip_prefix(MARK) {
                newest = newest.max(version_of(version));
            }
            rest = rest.get(1..)?;
        }
        newest
    }
}

/// `2.34\0...` or `2.2.5\0...`.
fn version_of(bytes: &[u8]) -> Option<(u32, u32)> {
    let end = bytes.iter().take(16).position(|byte| *byte == 0)?;
    let text = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let mut numbers = text.split('.');
    let major = numbers.next()?.parse().ok()?;
    Some((major, numbers.next()?.parse().ok()?))
}

/// The zip file of a program. The same program gives the same bytes.
///
/// # Errors
/// [`PackageError::Zip`] and [`PackageError::Write`].
pub fn package(program: &Program<'_>) -> Result<Vec<u8>, PackageError> {
    package_with(program, &[])
}

/// The zip file of a program with further files: the path of each, its parts separated by `/`, and
/// what it holds.
///
/// # Errors
/// [`PackageError::Zip`] and [`PackageError::Write`].
pub fn package_with(
    program: &Program<'_>,
    files: &[(String, Vec<u8>)],
) -> Result<Vec<u8>, PackageError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        // The first moment that the format can tell.
        .last_modified_time(DateTime::default())
        .unix_permissions(MODE);
    zip.start_file(BOOTSTRAP, options)?;
    zip.write_all(program.bytes)?;
    for (path, content) in files {
        zip.start_file(path.as_str(), options.unix_permissions(FILE_MODE))?;
        zip.write_all(content)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// The program in a zip file.
///
/// # Errors
/// [`PackageError::NoPackage`], [`PackageError::TooLarge`].
pub fn program_of(zip: &[u8]) -> Result<Vec<u8>, PackageError> {
    let mut archive = ZipArchive::new(Cursor::new(zip)).map_err(PackageError::NoPackage)?;
    let file = archive.by_name(BOOTSTRAP).map_err(PackageError::NoPackage)?;
    let mut bytes = Vec::new();
    file.take(LARGEST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_BYTES { Err(PackageError::TooLarge) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(machine: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(18, 0);
        bytes.extend([machine, 0]);
        bytes.extend(rest);
        bytes
    }

    #[test]
    fn a_package_holds_the_program_as_bootstrap_that_may_be_started() {
        let bytes = program(62, b"text");
        let zip = package(&Program::read(&bytes).unwrap()).unwrap();
        let mut zip = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
        assert_eq!(zip.len(), 1);
        let mut file = zip.by_name("bootstrap").unwrap();
        assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        assert_eq!(content, bytes);
    }

    #[test]
    fn further_files_lie_beside_the_program() {
        let bytes = program(62, b"text");
        let files = [("config/aisaws.toml".to_owned(), b"[noise]\n".to_vec())];
        let zip = package_with(&Program::read(&bytes).unwrap(), &files).unwrap();
        assert_eq!(program_of(&zip).unwrap(), bytes);
        let mut zip = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
        let mut file = zip.by_name("config/aisaws.toml").unwrap();
        assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(0o644));
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        assert_eq!(content, b"[noise]\n");
    }

    #[test]
    fn a_program_comes_out_of_its_package_and_out_of_nothing_else() {
        let bytes = program(62, b"text");
        let zip = package(&Program::read(&bytes).unwrap()).unwrap();
        assert_eq!(program_of(&zip).unwrap(), bytes);
        for none in [&b""[..], b"PK", &zip[..zip.len() / 2]] {
            assert!(matches!(program_of(none), Err(PackageError::NoPackage(_))));
        }
    }

    #[test]
    fn the_same_program_gives_the_same_bytes() {
        let bytes = program(62, &[7; 10_000]);
        let [one, two] = [0, 1].map(|_| package(&Program::read(&bytes).unwrap()).unwrap());
        assert_eq!(one, two);
    }

    #[test]
    fn the_processor_is_told_from_the_head() {
        let of = |machine| Program::read(&program(machine, b"")).map(|p| p.architecture);
        assert_eq!(of(62).unwrap(), Architecture::X86_64);
        assert_eq!(of(183).unwrap(), Architecture::Arm64);
        assert!(matches!(of(3), Err(PackageError::NotLinux)));
        assert!(matches!(Program::read(b"MZ"), Err(PackageError::NotLinux)));
        assert!(matches!(Program::read(b"\x7fELF\x02\x01"), Err(PackageError::NotLinux)));
    }

    #[test]
    fn a_newer_c_library_than_functions_have_is_noticed() {
        let check = |text: &[u8]| Program::read(&program(62, text)).unwrap().check_glibc();
        assert!(check(b"GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_PRIVATE\0GLIBC_").is_ok());
        assert!(check(b"no name of a version").is_ok());
        let newer = check(b"GLIBC_2.34\0GGLIBC_2.39\0GLIBC_2.4\0");
        assert!(matches!(newer, Err(PackageError::GlibcTooNew(2, 39))), "{newer:?}");
    }
}

//! The zip archive around a workbook.

use std::collections::HashMap;
use std::io::{BufReader, Cursor};

use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use crate::limits::{ARCHIVE_BYTES, ENTRIES, ENTRY_BYTES, RATIO, RATIO_FROM};
use crate::xml::Xml;
use crate::{Limits, Rejected};

type Bytes = Cursor<Vec<u8>>;

/// An archive whose directory is within the limits. Entries are only read by name and never
/// written anywhere, so any name is safe.
pub(crate) struct Package {
    archive: ZipArchive<Bytes>,
    /// Indices of the entries by [`key`].
    entries: HashMap<String, usize>,
}

impl Package {
    pub(crate) fn open(xlsx: Vec<u8>, limits: &Limits) -> Result<Self, Rejected> {
        if xlsx.len() > limits.file_bytes {
            return Err(Rejected::FileTooLarge {
                bytes: xlsx.len(),
                limit: limits.file_bytes,
            });
        }
        if !xlsx.starts_with(b"PK") {
            return Err(other_kind(&xlsx));
        }
        if directory_entries(&xlsx).ok_or(Rejected::Truncated)? > ENTRIES {
            return Err(too_many_entries());
        }
        let mut archive = ZipArchive::new(Cursor::new(xlsx)).map_err(damaged)?;
        if archive.len() as u64 > ENTRIES {
            return Err(too_many_entries());
        }
        if archive.has_duplicate_names() {
            return Err(Rejected::damaged("two entries have the same name"));
        }
        let mut entries = HashMap::with_capacity(archive.len());
        let mut sum = 0;
        for index in 0..archive.len() {
            let entry = archive.by_index_raw(index).map_err(damaged)?;
            let name = key(&entry.name().map_err(damaged)?);
            if entry.encrypted() {
                return Err(Rejected::Password);
            }
            let (size, compressed) = (entry.size(), entry.compressed_size());
            sum += size.min(ARCHIVE_BYTES + 1);
            if size > ENTRY_BYTES || sum > ARCHIVE_BYTES {
                return Err(Rejected::too_large(format!("{name} has {size} bytes")));
            }
            if size > RATIO_FROM && size > compressed.saturating_mul(RATIO) {
                return Err(Rejected::too_large(format!(
                    "{name} grows from {compressed} to {size} bytes"
                )));
            }
            if entries.insert(name, index).is_some() {
                return Err(Rejected::damaged("two entries have the same name"));
            }
        }
        if archive.has_overlapping_entries().map_err(damaged)? {
            return Err(Rejected::damaged("entries of the archive overlap"));
        }
        Ok(Self { archive, entries })
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.entries.contains_key(&key(path))
    }

    /// An entry, whose content is inflated as it is read.
    pub(crate) fn entry(&mut self, path: &str) -> Result<ZipFile<'_, Bytes>, Rejected> {
        let missing = || Rejected::damaged(format!("{path} is missing"));
        let index = *self.entries.get(&key(path)).ok_or_else(missing)?;
        self.archive.by_index(index).map_err(damaged)
    }

    /// A part as XML of at most `limit` inflated bytes.
    pub(crate) fn part(
        &mut self,
        path: &str,
        limit: u64,
    ) -> Result<Xml<BufReader<ZipFile<'_, Bytes>>>, Rejected> {
        Ok(Xml::new(BufReader::new(self.entry(path)?), path, limit))
    }
}

fn damaged(error: ZipError) -> Rejected {
    match error {
        ZipError::InvalidArchive(_) | ZipError::Io(_) => Rejected::Damaged(error.to_string()),
        // Such as bzip2, which Excel doesn't read either.
        error => Rejected::Damaged(format!("its archive is of an unusual kind, {error}")),
    }
}

fn too_many_entries() -> Rejected {
    Rejected::too_large(format!("its archive has more than {ENTRIES} entries"))
}

/// Part names are compared without case, and some programs write `\` for `/`.
fn key(path: &str) -> String {
    path.replace('\\', "/").to_ascii_lowercase()
}

/// The reason for the refusal of a file that isn't a zip archive: the kind that it is
/// instead.
fn other_kind(bytes: &[u8]) -> Rejected {
    const COMPOUND_FILE: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";
    let holds = |name: &str| {
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        memchr::memmem::find(bytes, &name).is_some()
    };
    if bytes.is_empty() {
        Rejected::EmptyFile
    } else if bytes.starts_with(COMPOUND_FILE) {
        if holds("EncryptedPackage") {
            Rejected::Password
        } else if holds("Workbook") || holds("Book") {
            Rejected::Xls
        } else {
            Rejected::NotXlsx
        }
    } else if !bytes.iter().take(4096).any(|byte| *byte < b'\t') {
        Rejected::Text
    } else {
        Rejected::NotXlsx
    }
}

/// How many entries the archive's directory claims to have. `None` without a directory.
///
/// The reader makes room for as many as are claimed, so the claim is checked before. The
/// record is in the last 64 KiB, before a comment. One that has no room for its number
/// points to a second record, which may be anywhere.
fn directory_entries(bytes: &[u8]) -> Option<u64> {
    const END: &[u8] = b"PK\x05\x06";
    const END_64: &[u8] = b"PK\x06\x06";
    const FULL: u64 = 0xFFFF;
    let claim = |record: &[u8], at: usize, length: usize| {
        let number = record.get(at..at + length)?;
        let digits = number.iter().rev();
        Some(digits.fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    };
    let tail_start = bytes.len().saturating_sub(22 + 0xFFFF);
    let tail = bytes.get(tail_start..)?;
    let mut most = None;
    for at in memchr::memmem::find_iter(tail, END) {
        let record = tail.get(at..)?;
        most = most.max(claim(record, 8, 2)).max(claim(record, 10, 2));
    }
    // Any field may say that it is full, and number 0xFFFF is one of them.
    let full = memchr::memmem::find_iter(tail, END).any(|at| {
        let fields = [(4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4)];
        fields.iter().any(|(field, length)| {
            let value = tail.get(at..).and_then(|end| claim(end, *field, *length));
            value == Some(if *length == 2 { FULL } else { 0xFFFF_FFFF })
        })
    });
    if full {
        let real = memchr::memmem::find_iter(bytes, END_64).filter_map(|at| {
            let record = bytes.get(at..)?;
            claim(record, 24, 8).max(claim(record, 32, 8))
        });
        let without_full = most.filter(|most| *most != FULL);
        return real.chain(without_full).max();
    }
    most
}

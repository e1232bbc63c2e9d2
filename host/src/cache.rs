//! Compiled components on disk, so that a second start compiles nothing.
//!
//! An entry is a file named by a hash of everything that went into it. It ends
//! with the SHA-256 of the rest, so that a file cut short or damaged is compiled
//! anew and not run. The host maps the file itself into memory, which all processes
//! share. Several processes may share a folder: entries are written to the side and
//! renamed, and never changed.

use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

const DIGEST_BYTES: usize = 32;
/// The format of entries. It is part of the key.
const FORM: &[u8] = b"digest at the end";
/// The time after which an unused entry is removed.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A folder of compiled components.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

/// The name of an entry: a hash of the engine's settings and of the compiled bytes.
#[derive(Clone, Debug)]
pub struct Key(String);

/// Builds a [`Key`].
pub struct KeyBuilder(Sha256);

impl KeyBuilder {
    /// Starts with the version and the settings of the engine.
    pub fn new(engine: &Engine) -> Self {
        let mut builder = Self(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut builder);
        // Another version of this host may compose components in another way, or
        // keep them in another format.
        builder
            .part(env!("CARGO_PKG_VERSION").as_bytes())
            .part(FORM)
    }

    /// Adds one part of the input.
    pub fn part(mut self, bytes: &[u8]) -> Self {
        self.0.update(bytes.len().to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// The key of all parts.
    pub fn key(self) -> Key {
        Key(hex(&self.0.finalize()))
    }
}

impl Hasher for KeyBuilder {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    // Only the digest is used.
    fn finish(&self) -> u64 {
        0
    }
}

impl Cache {
    /// Uses a folder, which is made if it doesn't exist and which only the user may enter:
    /// its files are run as native code.
    ///
    /// # Errors
    /// The folder can't be made, or another user owns it or may write to it.
    pub fn open(folder: &Path) -> std::io::Result<Self> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
        #[cfg(unix)]
        check_owner(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// The compiled component of a key, if it is there and whole.
    pub fn load(&self, engine: &Engine, key: &Key) -> Option<Component> {
        let path = self.path(key);
        if !is_whole(File::open(&path).ok()?).unwrap_or(false) {
            tracing::warn!(file = %path.display(), "a cached component is damaged and compiled anew");
            return None;
        }
        let component = deserialize(engine, &path)?;
        // The time marks the use for `prune`; failing to set it does no harm.
        if let Ok(file) = File::options().append(true).open(&path) {
            let _ = file.set_modified(SystemTime::now());
        }
        Some(component)
    }

    /// Keeps a compiled component.
    ///
    /// # Errors
    /// The folder can't be written.
    pub fn store(&self, key: &Key, compiled: &[u8]) -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(compiled)?;
        file.write_all(&Sha256::digest(compiled))?;
        file.persist(self.path(key)).map_err(|error| error.error)?;
        self.prune();
        Ok(())
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.folder.join(format!("{}.cwasm", key.0))
    }

    fn prune(&self) {
        let Ok(entries) = self.folder.read_dir() else {
            return;
        };
        for entry in entries.flatten() {
            // The folder may hold files of other programs, too.
            if !is_entry(&entry.path()) {
                continue;
            }
            let unused = entry
                .metadata()
                .and_then(|metadata| metadata.modified())
                .is_ok_and(|used| used.elapsed().is_ok_and(|age| age > KEPT));
            if unused {
                // Another process may have removed it already.
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

/// Refuses a folder in which another user could plant code.
#[cfg(unix)]
fn check_owner(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(folder)?;
    let ours = metadata.uid() == rustix::process::geteuid().as_raw();
    if ours && metadata.mode() & 0o022 == 0 {
        return Ok(());
    }
    let reason =
        "another user owns or may write it, and its files are run: set another --cache-dir";
    Err(std::io::Error::new(
        std::io::ErrorKind::PermissionDenied,
        reason,
    ))
}

/// Whether a file is named as entries are.
fn is_entry(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "cwasm")
        && path.file_stem().is_some_and(|stem| stem.len() == 64)
}

/// Whether an entry ends with the digest of the bytes before it.
fn is_whole(mut file: File) -> std::io::Result<bool> {
    let length = file.metadata()?.len();
    let Some(mut left) = length.checked_sub(DIGEST_BYTES as u64) else {
        return Ok(false);
    };
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    while left > 0 {
        buffer.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        file.read_exact(&mut buffer)?;
        hasher.update(&buffer);
        left -= buffer.len() as u64;
    }
    let mut digest = [0; DIGEST_BYTES];
    file.read_exact(&mut digest)?;
    Ok(hasher.finalize().as_slice() == digest)
}

#[allow(unsafe_code)]
fn deserialize(engine: &Engine, path: &Path) -> Option<Component> {
    // SAFETY: the file holds the output of `Engine::precompile_component` that `Cache::store`
    // wrote: its digest has just been checked, and `Cache::open` has made sure that only this
    // user writes the folder, where entries are replaced as a whole and never written to.
    // wasmtime reads by the offsets in the file, ignores the digest after it, and refuses
    // the output of other versions or settings.
    let mapped = unsafe { Component::deserialize_file(engine, path) };
    let reason = match mapped {
        Ok(component) => return Some(component),
        Err(reason) => reason,
    };
    // The disk may forbid that its files are executed.
    tracing::debug!(file = %path.display(), "a cached component is copied and not mapped: {reason:#}");
    let mut compiled = std::fs::read(path).ok()?;
    compiled.truncate(compiled.len().checked_sub(DIGEST_BYTES)?);
    // SAFETY: as above.
    let copied = unsafe { Component::deserialize(engine, compiled) };
    copied
        .inspect_err(|reason| tracing::warn!(file = %path.display(), "a cached component can't be used: {reason:#}"))
        .ok()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::engine;

    fn compiled(engine: &Engine) -> Vec<u8> {
        let wasm = wat::parse_str("(component)").unwrap();
        engine.precompile_component(&wasm).unwrap()
    }

    #[test]
    fn what_was_stored_is_loaded_and_what_is_damaged_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("new")).unwrap();
        let engine = engine().unwrap();
        let key = KeyBuilder::new(&engine).part(b"wasm").key();
        assert!(cache.load(&engine, &key).is_none());
        cache.store(&key, &compiled(&engine)).unwrap();
        assert!(cache.load(&engine, &key).is_some());

        let path = cache.path(&key);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(cache.load(&engine, &key).is_none());
        std::fs::write(&path, &bytes[..10]).unwrap();
        assert!(cache.load(&engine, &key).is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_others_may_write_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(folder.path(), open).unwrap();
        let error = Cache::open(folder.path()).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn keys_tell_inputs_apart() {
        let engine = engine().unwrap();
        let key = |parts: &[&[u8]]| {
            let start = KeyBuilder::new(&engine);
            parts.iter().fold(start, |key, part| key.part(part)).key().0
        };
        assert_eq!(key(&[b"ab", b"c"]), key(&[b"ab", b"c"]));
        assert_ne!(key(&[b"ab", b"c"]), key(&[b"a", b"bc"]));
        assert_ne!(key(&[b"ab"]), key(&[b"ab", b""]));
    }

    #[test]
    fn entries_out_of_use_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let engine = engine().unwrap();
        let old = KeyBuilder::new(&engine).part(b"old").key();
        let new = KeyBuilder::new(&engine).part(b"new").key();
        cache.store(&old, &compiled(&engine)).unwrap();
        File::options()
            .append(true)
            .open(cache.path(&old))
            .unwrap()
            .set_modified(SystemTime::now() - KEPT - Duration::from_secs(60))
            .unwrap();
        let foreign = folder.path().join("thesis.odt");
        let long_ago = SystemTime::now() - 2 * KEPT;
        let file = File::create(&foreign).unwrap();
        file.set_modified(long_ago).unwrap();
        cache.store(&new, &compiled(&engine)).unwrap();
        assert!(foreign.exists(), "what is not ours is left alone");
        assert!(!cache.path(&old).exists());
        assert!(cache.path(&new).exists());
    }
}

//! A file that can be read for as long as there is memory.
//!
//! A lossless WebP image may have 65,536 groups of Huffman codes, whose tables
//! take two hundred times as much memory as they take in the file. How many
//! there are is itself compressed, so that no walk over the file can tell.

use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};

/// Bytes of the guest's memory beyond which nothing more is read. A platform may
/// give 128 MiB, and the decoder takes 18 MiB at once where it takes most.
#[cfg(target_family = "wasm")]
const MAX_MEMORY: usize = 110 << 20;

pub struct Guarded<'a>(Cursor<&'a [u8]>);

impl<'a> Guarded<'a> {
    pub fn new(file: &'a [u8]) -> Self {
        Self(Cursor::new(file))
    }
}

/// Fails when the guest has taken too much memory. A native program has more.
fn afford() -> io::Result<()> {
    #[cfg(target_family = "wasm")]
    if core::arch::wasm32::memory_size(0) > MAX_MEMORY >> 16 {
        let problem = "decoding it takes too much memory: send a smaller image";
        return Err(io::Error::new(io::ErrorKind::OutOfMemory, problem));
    }
    Ok(())
}

impl Read for Guarded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        afford()?;
        self.0.read(buffer)
    }
}

impl BufRead for Guarded<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        afford()?;
        self.0.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.0.consume(amount);
    }
}

impl Seek for Guarded<'_> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.0.seek(position)
    }
}

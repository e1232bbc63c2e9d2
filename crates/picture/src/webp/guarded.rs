//! A file whose reads fail when memory runs out.
//!
//! A lossless WebP image may have 65,536 groups of Huffman codes, whose tables take two
//! hundred times as much memory as in the file. Their number is itself compressed, so a
//! walk over the file cannot find it.

use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};

/// The size of the guest's memory in bytes from which reads fail. A platform may give 128
/// MiB, and the largest single allocation of the decoder is 18 MiB.
#[cfg(target_family = "wasm")]
const MAX_MEMORY: usize = 110 << 20;

pub struct Guarded<'a>(Cursor<&'a [u8]>);

impl<'a> Guarded<'a> {
    pub fn new(file: &'a [u8]) -> Self {
        Self(Cursor::new(file))
    }
}

/// Fails if the guest has taken too much memory. A native program has no such limit.
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
